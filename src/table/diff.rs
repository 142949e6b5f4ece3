//! What one table changes against another, by answer: how much of each family's space gets another
//! first CDN.
//!
//! IPv4 is counted in addresses, exactly: every subnet of which the mix changed is asked. IPv6 is
//! counted in /48s and parts of one: asked likewise where the regions are not too wide, and
//! else worked out from the weights, and then marked `expected`. CDNs and mixes are known by name.
//! Only first CDNs count here; the order of fallbacks may change with nothing moved.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};

use super::footprint::Footprint;
use super::moves::{CdnPlace, Moves};
use super::tally::Tally;
use super::traffic::Traffic;
use super::walk::{IPV4, IPV6, size};
use super::{Counts, Table};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    pub from: Side,
    pub to: Side,
    pub ipv4: Family<AddressMove>,
    pub ipv6: Family<SubnetMove>,
    /// The same moves by mix, those that move most first.
    pub mixes: Vec<MixMove>,
    pub footprints: Footprints,
    pub cdns: CdnChanges,
    /// Footprint values that only the old table has, as a share of its values. One without an address counts
    /// as none.
    pub shrunk: Values,
    /// Footprint values that only the new table has, as a share of the old one's.
    pub grown: Values,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
}

/// One of the two tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Side {
    pub version: String,
    pub digest: String,
    pub ttl: u32,
    #[serde(flatten)]
    pub counts: Counts,
}

/// What moves in one address family: in addresses (IPv4) or in /48s (IPv6), and as a share of the
/// family's whole space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Family<M> {
    #[serde(serialize_with = "plain")]
    pub moved: f64,
    pub share: f64,
    /// Largest first, then by name.
    pub moves: Vec<M>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddressMove {
    pub from: String,
    pub to: String,
    #[serde(serialize_with = "plain")]
    pub addresses: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubnetMove {
    pub from: String,
    pub to: String,
    #[serde(serialize_with = "plain")]
    pub subnets: f64,
    pub expected: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    #[serde(serialize_with = "plain")]
    pub addresses: f64,
    #[serde(serialize_with = "plain")]
    pub subnets: f64,
    /// Of the subnets at least some were worked out, not counted.
    pub expected: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MixMove {
    pub from: String,
    pub to: String,
    #[serde(flatten)]
    pub amount: Amount,
}

/// Moves by the footprint that brings them about: of the two that a client had and has, the
/// one that wins over the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Footprints {
    pub most: Vec<FootprintMove>,
    /// How many more move anything.
    pub more: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FootprintMove {
    pub footprint: String,
    pub change: FootprintChange,
    #[serde(flatten)]
    pub amount: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FootprintChange {
    /// Only the new table has it.
    Added,
    /// Only the old table has it.
    Removed,
    /// Both have it; its mix, the mix's weights, or the addresses that it stands for have changed.
    Changed,
}

/// CDNs by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CdnChanges {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// Those that keep their name and change their URL.
    pub url: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Values {
    pub values: usize,
    pub share: f64,
}

impl Diff {
    pub fn between(old: &Table, new: &Table) -> Self {
        let mut moves = Moves::new(old, new);
        let mut tally = Tally::new(old, new);
        for region in moves.walk(IPV4) {
            tally.add(&mut moves, &region, u64::MAX);
        }
        let widest_asked = moves.widest_asked(moves.walk(IPV6));
        for region in moves.walk(IPV6) {
            tally.add(&mut moves, &region, widest_asked);
        }
        let name = |cdn: CdnPlace| moves.names[cdn].to_owned();
        let address_move =
            |(from, to), amount: Amount| AddressMove { from: name(from), to: name(to), addresses: amount.addresses };
        let subnet_move = |(from, to), Amount { subnets, expected, .. }: Amount| SubnetMove {
            from: name(from),
            to: name(to),
            subnets,
            expected,
        };
        Self {
            from: Side::of(old),
            to: Side::of(new),
            ipv4: tally.family(|amount| amount.addresses, size(IPV4), address_move),
            ipv6: tally.family(|amount| amount.subnets, size(IPV6), subnet_move),
            mixes: tally.mixes(),
            footprints: tally.footprints(),
            cdns: CdnChanges::between(old, new),
            shrunk: Values::of_one(old, new, old),
            grown: Values::of_one(new, old, old),
            traffic: None,
        }
    }

    /// Nobody gets another first CDN.
    pub fn moves_nothing(&self) -> bool {
        self.ipv4.moves.is_empty() && self.ipv6.moves.is_empty()
    }
}

impl Side {
    fn of(table: &Table) -> Self {
        let (version, digest) = (table.version.clone(), table.digest.clone());
        Self { version, digest, ttl: table.ttl, counts: Counts::of(table) }
    }
}

impl CdnChanges {
    fn between(old: &Table, new: &Table) -> Self {
        let urls = |table: &'_ Table| -> BTreeMap<String, String> {
            table.cdns.iter().map(|cdn| (cdn.name.clone(), cdn.url.clone())).collect()
        };
        let (old, new) = (urls(old), urls(new));
        let names: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
        let those = |which: &dyn Fn(Option<&String>, Option<&String>) -> bool| {
            names.iter().filter(|name| which(old.get(*name), new.get(*name))).cloned().collect()
        };
        Self {
            added: those(&|old, _| old.is_none()),
            removed: those(&|_, new| new.is_none()),
            url: those(&|old, new| old.is_some() && new.is_some() && old != new),
        }
    }
}

impl Values {
    /// The values of one table that the other lacks.
    fn of_one(has: &Table, lacks: &Table, of: &Table) -> Self {
        let only = |footprint: &Footprint| has.has(*footprint) && !lacks.has(*footprint);
        let values = has.footprints.iter().map(|(footprint, _)| footprint).filter(only).count();
        Self { values, share: values as f64 / of.values().max(1) as f64 }
    }
}

/// Whole numbers without a point.
#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
#[allow(clippy::cast_sign_loss)] // sizes are not negative
pub(super) fn plain<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && *number < 2_f64.powi(63) {
        serializer.serialize_u64(*number as u64)
    } else {
        serializer.serialize_f64(*number)
    }
}
