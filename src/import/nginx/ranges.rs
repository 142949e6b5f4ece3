//! nginx's `ranges`: a later range wins over what it lies in, and is refused if it lies across.
//!
//! nginx keeps ranges in blocks of 65,536 addresses, and compares them block by block; so does
//! this, to refuse and delete exactly what nginx does.

use std::collections::BTreeMap;

use crate::import::listing::AnswerId;
use crate::table::problem::Place;
use crate::table::space::Segment;

const BLOCK: u32 = 0xffff;

/// Disjoint ranges, none across the end of a block.
#[derive(Debug, Default)]
pub struct Ranges {
    by_start: BTreeMap<u32, Piece>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    end: u32,
    answer: AnswerId,
    place: Place,
}

/// What came of adding a range.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    Fresh,
    /// The same range was there with another answer, first in this block.
    Replaced(AnswerId, Place),
    /// It lies across another one; nginx does not start.
    Across(Place),
}

impl Ranges {
    pub fn add(&mut self, start: u32, end: u32, answer: AnswerId, place: Place) -> Added {
        let mut added = Added::Fresh;
        for (start, end) in blocks(start, end) {
            let fresh = Piece { end, answer, place };
            let before = self.by_start.range(..=end).next_back().map(|(start, piece)| (*start, *piece));
            match before.filter(|(_, piece)| piece.end >= start) {
                None => {}
                Some((other, piece)) if other == start && piece.end == end => {
                    let first = piece.answer != answer && added == Added::Fresh;
                    added = if first { Added::Replaced(piece.answer, piece.place) } else { added };
                }
                Some((other, piece)) if other <= start && end <= piece.end => {
                    if end < piece.end {
                        self.by_start.insert(end + 1, piece);
                    }
                    if other < start {
                        self.by_start.insert(other, Piece { end: start - 1, ..piece });
                    }
                }
                Some((_, piece)) => return Added::Across(piece.place),
            }
            self.by_start.insert(start, fresh);
        }
        added
    }

    /// Whether all of it was there, as a range or whole blocks of one.
    pub fn delete(&mut self, start: u32, end: u32) -> bool {
        let mut all = true;
        for (start, end) in blocks(start, end) {
            if self.by_start.get(&start).is_some_and(|piece| piece.end == end) {
                self.by_start.remove(&start);
            } else {
                all = false;
            }
        }
        all
    }

    pub fn answer_at(&self, address: u32) -> Option<(AnswerId, Place)> {
        let (_, piece) = self.by_start.range(..=address).next_back()?;
        (piece.end >= address).then_some((piece.answer, piece.place))
    }

    /// In order, neighbours with one answer together, with the place of the first.
    pub fn segments(&self) -> Vec<(Segment<u32>, Place)> {
        let mut segments: Vec<(Segment<u32>, Place)> = Vec::new();
        for (start, piece) in &self.by_start {
            match segments.last_mut() {
                Some((last, _)) if last.end.checked_add(1) == Some(*start) && last.value == piece.answer => {
                    last.end = piece.end;
                }
                _ => segments.push((Segment { start: *start, end: piece.end, value: piece.answer }, piece.place)),
            }
        }
        segments
    }
}

/// The parts of a range in each block.
fn blocks(start: u32, end: u32) -> impl Iterator<Item = (u32, u32)> {
    (start >> 16..=end >> 16).map(move |block| {
        let first = block << 16;
        (first.max(start), (first | BLOCK).min(end))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::Problems;

    proptest! {
        /// Whatever nginx takes, a later range wins wherever it reaches.
        #[test]
        fn the_last_range_over_an_address_wins(
            ranges in prop::collection::vec((0u32..300, 0u32..300, 0u32..3, any::<bool>()), 0..12),
        ) {
            let place = Place::whole_file(Problems::new().file("t"));
            // Around the end of a block.
            let spread = |edge: u32| BLOCK - 150 + edge;
            let (mut built, mut painted) = (Ranges::default(), [None; 300]);
            for (one, other, answer, big) in ranges {
                let (start, end) = (one.min(other), if big { one.max(other) } else { one.min(other) + 2 });
                let end = end.min(299);
                if matches!(built.add(spread(start), spread(end), answer, place), Added::Across(_)) {
                    return Ok(());
                }
                painted[start as usize..=end as usize].fill(Some(answer));
            }
            for (edge, answer) in (0..).zip(painted) {
                prop_assert_eq!(built.answer_at(spread(edge)).map(|(answer, _)| answer), answer);
            }
            for pair in built.segments().windows(2) {
                let (one, other) = (pair[0].0, pair[1].0);
                prop_assert!(one.end < other.start && (one.end + 1 < other.start || one.value != other.value));
            }
        }
    }
}
