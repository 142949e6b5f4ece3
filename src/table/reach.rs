//! What claims reach in one address family, and who wins it and who loses.

use super::beaten::{Side, keep_beaten};
use super::dataset::{Key, Owned};
use super::runs::Runs;
use super::space::{self, Address, Range, Segment};
use super::trie::{DEFAULT, FootprintId};

pub const CIDR_LAYER: u8 = 0;
pub const ASN_LAYER: u8 = 1;
pub const COUNTRY_LAYER: u8 = 2;

/// Ranges whose values are footprints.
#[derive(Default)]
pub struct Reached<A> {
    ranges: Vec<Range<A>>,
    /// What lost within a dataset.
    beaten: Vec<Segment<A>>,
}

/// The whole space, settled.
pub struct Won<A> {
    pub winners: Runs<A>,
    pub beaten: Side<A>,
}

impl<A: Address> Reached<A> {
    pub fn add(&mut self, start: A, end: A, layer: u8, footprint: FootprintId) {
        self.ranges.push(Range { start, end, layer, order: 0, value: footprint });
    }

    /// Adds what a dataset says of the keys that footprints claim.
    pub fn add_owned(&mut self, owned: &Owned<A>, layer: u8, claimed: impl Fn(Key) -> Option<FootprintId>) {
        for segment in &owned.segments {
            if let Some(footprint) = claimed(segment.value) {
                self.add(segment.start, segment.end, layer, footprint);
            }
        }
        let beaten = owned.beaten.iter().filter_map(|s| Some(Segment { value: claimed(s.value)?, ..*s }));
        self.beaten.extend(beaten);
    }

    /// The footprints that have ranges in a layer, each as often as it has ranges.
    pub fn footprints(&self, layer: u8) -> impl Iterator<Item = FootprintId> {
        self.ranges.iter().filter(move |range| range.layer == layer).map(|range| range.value)
    }

    pub fn settle(mut self) -> Won<A> {
        let of_datasets = self.ranges.iter().filter(|range| range.layer != CIDR_LAYER);
        let mut to_precedence: Vec<_> = of_datasets.map(Range::segment).collect();
        let winners = space::sweep(self.ranges, DEFAULT);
        keep_beaten(&mut to_precedence, &winners);
        self.beaten.shrink_to_fit();
        let winners = Runs::new(&winners);
        Won { winners, beaten: Side { to_precedence, to_range: self.beaten } }
    }
}
