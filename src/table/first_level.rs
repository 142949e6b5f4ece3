//! What stands before the trie: blocks of equal width in a list, each with the run that its first address is in.
//!
//! One step where a trie takes six. It only leads to so many runs as are quickly searched: what is
//! crowded is left to the trie.

use std::ops::Range;

use super::runs::Runs;
use super::space::Address;

/// Searched at once, at most.
const MOST_RUNS: usize = 64;

pub struct FirstLevel<A> {
    /// The first address of the first block.
    start: A,
    /// The binary logarithm of a block's width.
    width: u8,
    /// Of each block, and of what comes after the last.
    first: Vec<u32>,
}

impl<A: Address> FirstLevel<A> {
    /// Of all blocks, each a prefix of `length`, from `start` to `end`.
    pub fn new(runs: &Runs<A>, start: A, end: A, length: u8) -> Self {
        let (runs, width) = (runs.as_slice(), A::BITS - length);
        let blocks =
            std::iter::successors(Some(start), |block| block.block_end(width).next().filter(|_| *block <= end));
        let mut run = 0;
        let mut first: Vec<u32> = blocks
            .map(|block| {
                run += runs[run..].iter().skip(1).take_while(|next| next.start <= block).count();
                run as u32
            })
            .collect();
        if end == A::MAX {
            first.push(runs.len() as u32 - 1);
        }
        Self { start, width, first }
    }

    /// The runs that may have the address; none, if it is in no block or the block is crowded.
    pub fn runs(&self, address: A) -> Option<Range<usize>> {
        if address < self.start {
            return None;
        }
        let block = address.minus(self.start).block(self.width);
        let [first, last] = *self.first.get(block..block.checked_add(2)?)? else { return None };
        (last - first < MOST_RUNS as u32).then_some(first as usize..last as usize + 1)
    }
}
