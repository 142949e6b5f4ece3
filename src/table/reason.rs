//! The reasons of an [`Explanation`](super::explain::Explanation), in words.

use std::fmt;

use ip_network::IpNetwork;

use super::footprint::Footprint;
use super::lookup::Decision;

/// Why a footprint that has the address won or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is the winner itself.
    Won(Footprint),
    /// To this prefix.
    LongerPrefix(Footprint),
    /// To a footprint of a kind that comes first.
    Precedence { winner: Footprint, loser: Footprint },
    /// Another range of the same dataset has the address: of this footprint, or of what no footprint names.
    NarrowerRange(Option<Footprint>),
}

impl Reason {
    pub fn of(footprint: Footprint, winner: Footprint) -> Self {
        match (is_prefix(footprint), is_prefix(winner)) {
            _ if footprint == winner => Self::Won(winner),
            (true, true) => Self::LongerPrefix(winner),
            _ => Self::Precedence { winner, loser: footprint },
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Won(footprint) => f.write_str(match footprint {
                Footprint::Ipv4Cidr(_) | Footprint::Ipv6Cidr(_) => "the longest prefix around the address",
                Footprint::Asn(_) => "no prefix has the address",
                Footprint::CountryCode(_) => "no prefix or AS has the address",
                Footprint::Default => "nothing else has the address",
            }),
            Self::LongerPrefix(winner) => write!(f, "{winner} is longer"),
            Self::Precedence { winner, loser } => write!(f, "{} beats {}", kind(*winner), kind(*loser)),
            Self::NarrowerRange(owner) => {
                f.write_str("a range of the dataset that is narrower, or as wide and listed before, is of ")?;
                match owner {
                    Some(owner) => owner.fmt(f),
                    None => f.write_str("what no footprint names"),
                }
            }
        }
    }
}

fn is_prefix(footprint: Footprint) -> bool {
    matches!(footprint, Footprint::Ipv4Cidr(_) | Footprint::Ipv6Cidr(_))
}

fn kind(footprint: Footprint) -> &'static str {
    match footprint {
        Footprint::Ipv4Cidr(_) | Footprint::Ipv6Cidr(_) => "a prefix",
        Footprint::Asn(_) => "an AS",
        Footprint::CountryCode(_) => "a country",
        Footprint::Default => "the default",
    }
}

/// What bounds the scope. Each has the widest prefix around the address in which the footprint wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeReason {
    /// One CDN has a weight, so the order is the same for every subnet.
    OneOrder,
    /// No CDN with a weight is left, and fallbacks come in one order.
    OnlyFallbacks,
    /// The footprint's prefix is no wider than the subnet.
    WithinSubnet,
    /// The order depends on the subnet, and the footprint wins beyond it.
    Cut { length: u8, footprint: IpNetwork },
}

impl ScopeReason {
    pub fn of(decision: &Decision<'_>, footprint: IpNetwork) -> Self {
        if decision.scope != footprint {
            Self::Cut { length: decision.scope.netmask(), footprint }
        } else if decision.mix.depends_on_subnet() {
            Self::WithinSubnet
        } else if decision.mix.shares().is_empty() {
            Self::OnlyFallbacks
        } else {
            Self::OneOrder
        }
    }
}

impl fmt::Display for ScopeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: &str = "the widest prefix in which footprint and cdns are the same";
        match self {
            Self::OneOrder => write!(f, "{WIDEST}; one CDN has a weight, so the order does not depend on the subnet"),
            Self::OnlyFallbacks => {
                write!(f, "{WIDEST}; only fallbacks are left, so the order does not depend on the subnet")
            }
            Self::WithinSubnet => f.write_str(WIDEST),
            Self::Cut { length, footprint } => {
                write!(
                    f,
                    "cut to /{length}, since the order depends on the subnet; the footprint wins in all of {footprint}"
                )
            }
        }
    }
}
