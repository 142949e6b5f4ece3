//! The whole space of one address family, settled: runs of addresses that one footprint has.
//!
//! A run ends where the next begins, so that its beginning and its footprint are all that is kept of it.

use std::ops::Range;

use super::space::{Address, Segment, prefixes};
use super::trie::FootprintId;

/// 8 bytes for IPv4, of which the largest tables have two million.
#[derive(Clone, Copy)]
pub struct Run<A> {
    pub start: A,
    footprint: FootprintId,
}

/// In order. The first begins with the first address there is.
pub struct Runs<A>(Vec<Run<A>>);

impl<A: Address> Runs<A> {
    /// From segments that cover the space, in order.
    pub fn new(segments: &[Segment<A>]) -> Self {
        Self(segments.iter().map(|segment| Run { start: segment.start, footprint: segment.value }).collect())
    }

    pub fn as_slice(&self) -> &[Run<A>] {
        &self.0
    }

    pub fn segments(&self) -> impl Iterator<Item = Segment<A>> {
        let ends = self.0.iter().skip(1).map(|next| next.start.previous()).chain([A::MAX]);
        self.0.iter().zip(ends).map(|(run, end)| Segment { start: run.start, end, value: run.footprint })
    }

    /// The length of the widest prefix around an address that one footprint has whole, and that footprint. The
    /// address is in one of the runs `among`.
    pub fn find(&self, address: A, among: Range<usize>) -> (u8, FootprintId) {
        let begun = self.0[among.clone()].partition_point(|run| run.start <= address);
        let place = among.start + begun.saturating_sub(1);
        let Run { start, footprint } = self.0[place];
        // A prefix stays in the run if it is longer than what the address has in common with the neighbours.
        let before = (start > A::ZERO).then(|| address.common(start.previous()) + 1);
        let after = self.0.get(place + 1).map(|next| address.common(next.start) + 1);
        (before.max(after).unwrap_or(0), footprint)
    }

    /// How many prefixes they are in all.
    pub fn prefixes(&self) -> usize {
        self.segments().map(|segment| prefixes(segment).count()).sum()
    }

    /// Cuts the space into prefixes that at most so many runs have addresses in. Tells the first address and the length
    /// of each, and the run that its first address is in.
    pub fn cut(&self, most: usize, mut each: impl FnMut(A, u8, usize)) {
        let mut open = vec![Cut { start: A::ZERO, length: 0, runs: 0..self.0.len() }];
        while let Some(Cut { start, length, runs }) = open.pop() {
            if runs.len() <= most {
                each(start, length, runs.start);
                continue;
            }
            let length = length + 1;
            let end = start.block_end(A::BITS - length);
            let Some(upper) = end.next() else { continue };
            let middle = runs.start + self.0[runs.clone()].partition_point(|run| run.start <= end);
            let is_cut = self.0.get(middle).is_none_or(|run| run.start != upper);
            open.push(Cut { start: upper, length, runs: middle - usize::from(is_cut)..runs.end });
            open.push(Cut { start, length, runs: runs.start..middle });
        }
    }
}

/// A prefix, and the runs that have addresses in it.
struct Cut<A> {
    start: A,
    length: u8,
    runs: Range<usize>,
}
