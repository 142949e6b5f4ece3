//! The address space as numbers: ranges in, disjoint segments out, segments to prefixes.
//!
//! Precedence is a sort key here: where ranges overlap, the lowest rank wins. One sweep over
//! the space, generic over IPv4 (`u32`) and IPv6 (`u128`), settles every overlap there is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An address of one family as a number.
#[allow(clippy::return_self_not_must_use)] // plain arithmetic
pub trait Address: Copy + Ord {
    const BITS: u8;
    const ZERO: Self;
    const MAX: Self;

    /// The next address up, unless this is the last.
    fn next(self) -> Option<Self>;
    /// The next address down; 0 stays 0.
    fn previous(self) -> Self;
    fn minus(self, other: Self) -> Self;
    /// How many whole blocks of 2^`bits` addresses come before it.
    fn block(self, bits: u8) -> usize;
    /// How many leading bits both have in common.
    fn common(self, other: Self) -> u8;
    fn trailing_zeros(self) -> u8;
    fn leading_zeros(self) -> u8;
    /// The last address of the block of 2^`bits` addresses that begins here.
    fn block_end(self, bits: u8) -> Self;
}

macro_rules! address {
    ($number:ty) => {
        impl Address for $number {
            const BITS: u8 = <$number>::BITS as u8;
            const ZERO: Self = 0;
            const MAX: Self = <$number>::MAX;

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn previous(self) -> Self {
                self.saturating_sub(1)
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }

            fn block(self, bits: u8) -> usize {
                usize::try_from(self.checked_shr(bits.into()).unwrap_or(0)).unwrap_or(usize::MAX)
            }

            fn common(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            fn trailing_zeros(self) -> u8 {
                self.trailing_zeros() as u8
            }

            fn leading_zeros(self) -> u8 {
                self.leading_zeros() as u8
            }

            fn block_end(self, bits: u8) -> Self {
                self | (<$number>::MAX).checked_shr(<$number>::BITS - u32::from(bits)).unwrap_or(0)
            }
        }
    };
}

address!(u32);
address!(u128);

/// An inclusive range that wants its addresses to carry `value`.
#[derive(Debug, Clone, Copy)]
pub struct Range<A> {
    pub start: A,
    pub end: A,
    /// The lower layer wins, whatever the widths.
    pub layer: u8,
    /// Breaks ties between ranges of one layer and one width: the lower wins.
    pub order: u32,
    pub value: u32,
}

/// Who wins an overlap: the lower layer, then the narrower range, then the lower order.
pub type Rank<A> = (u8, A, u32);

impl<A: Address> Range<A> {
    pub fn rank(&self) -> Rank<A> {
        (self.layer, self.end.minus(self.start), self.order)
    }

    pub fn segment(&self) -> Segment<A> {
        Segment { start: self.start, end: self.end, value: self.value }
    }
}

/// An inclusive range in which every address carries the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<A> {
    pub start: A,
    pub end: A,
    pub value: u32,
}

/// Settles overlaps: the whole space as disjoint segments in order, neighbours with one value
/// merged, `background` wherever no range reaches.
pub fn sweep<A: Address>(mut ranges: Vec<Range<A>>, background: u32) -> Vec<Segment<A>> {
    ranges.sort_unstable_by_key(|range| range.start);
    // Each range adds two segments at most. What grows is copied, and both are there meanwhile.
    let segments = Vec::with_capacity(2 * ranges.len() + 1);
    let mut sweep = Sweep { at: Some(A::ZERO), open: BinaryHeap::new(), background, segments };
    for range in ranges {
        if range.start > A::ZERO {
            sweep.advance(range.start.previous());
        }
        sweep.open.push(Reverse((range.rank(), Opened { end: range.end, value: range.value })));
    }
    sweep.advance(A::MAX);
    sweep.segments
}

struct Sweep<A> {
    /// The first address not yet settled; none when the space is used up.
    at: Option<A>,
    /// Ranges that have begun, best rank first. Ended ones leave when they come to the top.
    open: BinaryHeap<Reverse<(Rank<A>, Opened<A>)>>,
    background: u32,
    segments: Vec<Segment<A>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Opened<A> {
    end: A,
    value: u32,
}

impl<A: Address> Sweep<A> {
    /// Settles every address up to and including `until`.
    fn advance(&mut self, until: A) {
        while let Some(at) = self.at.filter(|at| *at <= until) {
            while self.open.peek().is_some_and(|Reverse((_, range))| range.end < at) {
                self.open.pop();
            }
            let (end, value) = match self.open.peek() {
                Some(Reverse((_, range))) => (range.end.min(until), range.value),
                None => (until, self.background),
            };
            self.emit(Segment { start: at, end, value });
            self.at = end.next();
        }
    }

    fn emit(&mut self, segment: Segment<A>) {
        match self.segments.last_mut() {
            Some(last) if last.value == segment.value => last.end = segment.end,
            _ => self.segments.push(segment),
        }
    }
}

/// The ranges that share addresses with others. Wants them sorted by their starts.
pub fn overlapping<A: Address>(ranges: &[Range<A>]) -> Vec<Range<A>> {
    let mut furthest: Option<A> = None;
    let mut found = Vec::new();
    for (index, range) in ranges.iter().enumerate() {
        let before = furthest.is_some_and(|end| range.start <= end);
        let after = ranges.get(index + 1).is_some_and(|next| next.start <= range.end);
        if before || after {
            found.push(*range);
        }
        furthest = furthest.max(Some(range.end));
    }
    found
}

/// The fewest prefixes that make up a segment, in order: first address and prefix length.
///
/// Each is the widest aligned block around its addresses that stays inside the segment.
pub fn prefixes<A: Address>(segment: Segment<A>) -> impl Iterator<Item = (A, u8)> {
    let mut at = Some(segment.start);
    std::iter::from_fn(move || {
        let start = at.filter(|start| *start <= segment.end)?;
        let aligned = start.trailing_zeros();
        let fitting = match segment.end.minus(start).next() {
            Some(count) => A::BITS - 1 - count.leading_zeros(),
            None => A::BITS,
        };
        let bits = aligned.min(fitting);
        at = start.block_end(bits).next();
        Some((start, A::BITS - bits))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOBODY: u32 = u32::MAX;

    fn range() -> impl Strategy<Value = Range<u32>> {
        let edge = prop_oneof![0u32..40, Just(u32::MAX), u32::MAX - 40..u32::MAX];
        (edge.clone(), edge, 0u8..3, 0u32..4).prop_map(|(a, b, layer, value)| Range {
            start: a.min(b),
            end: a.max(b),
            layer,
            order: 0,
            value,
        })
    }

    proptest! {
        #[test]
        fn every_address_goes_to_the_best_range_over_it(ranges in prop::collection::vec(range(), 0..12)) {
            let ranges: Vec<_> = ranges.into_iter().zip(0..).map(|(r, order)| Range { order, ..r }).collect();
            let segments = sweep(ranges.clone(), NOBODY);
            prop_assert_eq!(segments[0].start, 0);
            prop_assert_eq!(segments[segments.len() - 1].end, u32::MAX);
            for pair in segments.windows(2) {
                prop_assert_eq!(pair[0].end + 1, pair[1].start);
                prop_assert_ne!(pair[0].value, pair[1].value);
            }
            for address in (0..45).chain(u32::MAX - 45..=u32::MAX) {
                let best = ranges
                    .iter()
                    .filter(|r| r.start <= address && address <= r.end)
                    .min_by_key(|r| r.rank())
                    .map_or(NOBODY, |r| r.value);
                let found = segments.iter().find(|s| s.start <= address && address <= s.end).unwrap();
                prop_assert_eq!(found.value, best);
            }
        }

        #[test]
        fn prefixes_tile_the_segment_and_none_could_be_wider(a: u32, b: u32) {
            let segment = Segment { start: a.min(b), end: a.max(b), value: 0 };
            let mut expected = Some(segment.start);
            for (start, length) in prefixes(segment) {
                prop_assert_eq!(Some(start), expected);
                let end = start.block_end(32 - length);
                prop_assert!(end <= segment.end);
                if length > 0 {
                    let wider_start = start & !(1u32 << (32 - length));
                    let wider_end = wider_start.block_end(33 - length);
                    prop_assert!(wider_start < segment.start || wider_end > segment.end);
                }
                expected = end.next();
            }
            prop_assert_eq!(expected, segment.end.next());
        }
    }

    #[test]
    fn the_whole_space_is_one_prefix() {
        let whole = |max: u128| prefixes(Segment { start: 0, end: max, value: 0 }).collect::<Vec<_>>();
        assert_eq!(whole(u128::MAX), [(0, 0)]);
        assert_eq!(prefixes(Segment { start: 0u32, end: u32::MAX, value: 0 }).collect::<Vec<_>>(), [(0, 0)]);
    }
}
