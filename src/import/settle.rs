//! One answer a prefix, as the other system would give it; prefixes that change nothing go.

use ip_network::IpNetwork;

use super::listing::{AnswerId, DEFAULT, Entry, Kind, Listing};
use super::prefix::bounds;
use crate::table::footprint::shorten;

/// What a system does with the same prefix twice and different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twice {
    FirstWins,
    LastWins,
    /// Nobody can say which; the first is taken.
    Arbitrary,
}

/// Prefixes in order, each with its answer, and what all other addresses get.
#[derive(Debug, Default)]
pub struct Settled {
    pub prefixes: Vec<(IpNetwork, AnswerId)>,
    pub default: AnswerId,
    /// Whether the file says what they get.
    pub has_default: bool,
}

/// Settles a listing.
pub fn settle(listing: &mut Listing, twice: Twice) -> Settled {
    let mut entries = std::mem::take(&mut listing.entries);
    entries.sort_by_key(|entry| key(entry.network));
    let mut around: Vec<Around> = Vec::new();
    let mut prefixes = Vec::new();
    for group in entries.chunk_by(|one, other| one.network == other.network) {
        let Some((entry, answer)) = standing(listing, group, twice) else { continue };
        let (start, end) = bounds(entry.network);
        let ipv4 = entry.network.is_ipv4();
        while around.last().is_some_and(|last| last.ipv4 != ipv4 || last.end < start) {
            around.pop();
        }
        if entry.fallback && around.iter().any(|one| !one.fallback) {
            let network = entry.network;
            let told = format!("`{network}` is never reached: an IPv4 prefix around it is asked first");
            listing.tell(Kind::LeftOut, entry.place, told);
            continue;
        }
        if around.last().is_some_and(|last| last.answer == answer) {
            listing.count(Kind::Merged);
        } else {
            prefixes.push((entry.network, answer));
        }
        around.push(Around { ipv4, end, answer, fallback: entry.fallback });
    }
    with_default(prefixes)
}

/// A prefix around the one that is looked at.
struct Around {
    ipv4: bool,
    end: u128,
    answer: AnswerId,
    fallback: bool,
}

fn key(network: IpNetwork) -> (bool, u128, u8) {
    (network.is_ipv6(), bounds(network).0, network.netmask())
}

/// What stands of all entries for one prefix.
fn standing(listing: &mut Listing, group: &[Entry], twice: Twice) -> Option<(Entry, AnswerId)> {
    let mut standing: Option<(Entry, AnswerId)> = None;
    for next in group {
        standing = match (standing, next.answer) {
            (None, None) => {
                listing.tell(Kind::Noted, next.place, format!("there is no `{}` to delete here", next.network));
                None
            }
            (_, None) => None,
            (None, Some(answer)) => Some((*next, answer)),
            (Some((before, kept)), Some(answer)) if before.fallback != next.fallback => {
                if before.fallback {
                    Some((*next, answer))
                } else {
                    Some((before, kept))
                }
            }
            (Some((before, kept)), Some(answer)) if kept == answer => {
                listing.count(Kind::Repeated);
                Some((before, kept))
            }
            (Some((before, kept)), Some(answer)) => {
                let last = twice == Twice::LastWins;
                contradict(listing, (before, kept), (*next, answer), twice);
                Some(if last { (*next, answer) } else { (before, kept) })
            }
        };
    }
    standing
}

fn contradict(listing: &mut Listing, before: (Entry, AnswerId), next: (Entry, AnswerId), twice: Twice) {
    let name = |id: AnswerId| shorten(&listing.answers[id as usize].written);
    let how = match twice {
        Twice::FirstWins => "the first wins",
        Twice::LastWins => "the last wins",
        Twice::Arbitrary => "which one wins is arbitrary, the first is taken",
    };
    let message = format!("`{}` is `{}` here but `{}` before: {how}", next.0.network, name(next.1), name(before.1));
    listing.contradict(next.0.place, before.0.place, message);
}

/// A file that has both families' whole space says by that what everyone else gets.
fn with_default(mut prefixes: Vec<(IpNetwork, AnswerId)>) -> Settled {
    let whole = |ipv4: bool| {
        let found = prefixes.iter().find(|(network, _)| network.netmask() == 0 && network.is_ipv4() == ipv4);
        found.map(|(_, answer)| *answer)
    };
    let (Some(default), Some(ipv6)) = (whole(true), whole(false)) else {
        return Settled { prefixes, default: DEFAULT, has_default: false };
    };
    prefixes.retain(|(network, _)| network.netmask() > 0 || (network.is_ipv6() && ipv6 != default));
    Settled { prefixes, default, has_default: true }
}
