//! The claims of ASes and countries that do not get all of their addresses.
//!
//! The trie holds the winner of each address and nothing else. To explain an answer, the losers must be
//! known too: listed prefixes are found in the table's list of footprints, but whose an address is by AS
//! or country is in no list. Only the ranges that lose somewhere are kept here, since where a range wins
//! whole, the trie tells. Those are few: a country's addresses within the claimed ASes, not the country.
//!
//! Searched from end to end, which is quick enough to explain. No lookup reads this.

use std::net::IpAddr;

use super::space::{Address, Segment};
use super::trie::FootprintId;

/// What loses in one address family.
#[derive(Default)]
pub struct Side<A> {
    /// To another kind of footprint, or to nothing in part of the range. One AS and one country an address.
    pub to_precedence: Vec<Segment<A>>,
    /// To other ranges of the same dataset, in the order in which they would have won.
    pub to_range: Vec<Segment<A>>,
}

#[derive(Default)]
pub struct Beaten {
    pub ipv4: Side<u32>,
    pub ipv6: Side<u128>,
}

/// The footprints that have an address in their ranges, and may lose it.
pub struct Losers {
    pub to_precedence: Vec<FootprintId>,
    pub to_range: Vec<FootprintId>,
}

impl Beaten {
    pub fn at(&self, address: IpAddr) -> Losers {
        match address {
            IpAddr::V4(v4) => self.ipv4.at(v4.to_bits()),
            IpAddr::V6(v6) => self.ipv6.at(v6.to_bits()),
        }
    }
}

impl<A: Address> Side<A> {
    fn at(&self, address: A) -> Losers {
        let over = |segments: &[Segment<A>]| {
            segments.iter().filter(|s| s.start <= address && address <= s.end).map(|s| s.value).collect()
        };
        Losers { to_precedence: over(&self.to_precedence), to_range: over(&self.to_range) }
    }
}

/// Leaves the segments that the winners do not have whole. Winners are disjoint, in order, and
/// neighbours with one value are one.
pub fn keep_beaten<A: Address>(claimed: &mut Vec<Segment<A>>, winners: &[Segment<A>]) {
    claimed.retain(|claim| {
        let after = winners.partition_point(|winner| winner.start <= claim.start);
        let winner = after.checked_sub(1).and_then(|index| winners.get(index));
        winner.is_none_or(|winner| winner.value != claim.value || winner.end < claim.end)
    });
    claimed.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_loses_somewhere_is_kept() {
        let segment = |start, end, value| Segment { start, end, value };
        let winners = [segment(0u32, 9, 1), segment(10, 19, 2), segment(30, u32::MAX, 3)];
        for (claim, kept) in [
            (segment(0, 9, 1), false),
            (segment(3, 5, 1), false),
            (segment(30, u32::MAX, 3), false),
            (segment(3, 10, 1), true),
            (segment(3, 5, 2), true),
            (segment(9, 19, 2), true),
            (segment(10, 20, 2), true),
            (segment(20, 29, 2), true),
        ] {
            let mut claimed = vec![claim];
            keep_beaten(&mut claimed, &winners);
            assert_eq!(!claimed.is_empty(), kept, "{claim:?}");
        }
        let mut first = vec![segment(5, 6, 1)];
        keep_beaten(&mut first, &[segment(6, 9, 1)]);
        assert_eq!(first.len(), 1, "nobody has its beginning");
    }
}
