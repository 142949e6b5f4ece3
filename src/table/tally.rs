//! Everything that moves between two tables, summed up by CDN, by mix and by footprint.

use std::collections::BTreeMap;

use super::Table;
use super::diff::{Amount, Family, FootprintChange, FootprintMove, Footprints, MixMove};
use super::footprint::Footprint;
use super::manifest::MixId;
use super::moves::{CdnPlace, Moves};
use super::walk::Region;

/// So many footprints are told one by one; the rest are counted.
const FOOTPRINTS_TOLD: usize = 20;

/// Everything that moves, summed up three ways.
pub struct Tally<'t> {
    old: &'t Table,
    new: &'t Table,
    by_cdn: BTreeMap<(CdnPlace, CdnPlace), Amount>,
    by_mix: BTreeMap<(MixId, MixId), Amount>,
    /// By footprint id: the new table's, and after them the old one's.
    by_footprint: Vec<Amount>,
    all: Amount,
}

impl<'t> Tally<'t> {
    pub fn new(old: &'t Table, new: &'t Table) -> Self {
        let by_footprint = vec![Amount::default(); new.footprints.len() + old.footprints.len()];
        Self { old, new, by_cdn: BTreeMap::new(), by_mix: BTreeMap::new(), by_footprint, all: Amount::default() }
    }

    /// Adds what moves in a region: see [`Moves::each`].
    pub fn add(&mut self, moves: &mut Moves, region: &Region, widest_asked: u64) {
        let ipv4 = region.network.is_ipv4();
        let mut sum = Amount::default();
        moves.each(region, widest_asked, |one| {
            let amount = Amount::new(ipv4, one.size, one.expected);
            self.by_cdn.entry((one.from, one.to)).or_default().add(amount);
            sum.add(amount);
        });
        if sum.is_nothing() {
            return;
        }
        self.by_mix.entry(moves.mixes(region)).or_default().add(sum);
        let (old, new) = (region.old as usize, region.new as usize);
        let by_old = strength(self.old.footprints[old].0) > strength(self.new.footprints[new].0);
        self.by_footprint[if by_old { self.new.footprints.len() + old } else { new }].add(sum);
        self.all.add(sum);
    }

    /// What moves of one family, `part` of each amount.
    pub fn family<M>(
        &self,
        part: impl Fn(&Amount) -> f64,
        space: f64,
        shown: impl Fn((CdnPlace, CdnPlace), Amount) -> M,
    ) -> Family<M> {
        let mut sorted: Vec<_> = self.by_cdn.iter().filter(|(_, amount)| part(amount) > 0.0).collect();
        // Stable: names stay in order.
        sorted.sort_by(|(_, one), (_, other)| part(other).total_cmp(&part(one)));
        let moved = part(&self.all);
        Family { moved, share: moved / space, moves: sorted.into_iter().map(|(cdns, a)| shown(*cdns, *a)).collect() }
    }

    pub fn mixes(&self) -> Vec<MixMove> {
        let name = |table: &Table, mix: MixId| table.mixes[usize::from(mix)].name.clone();
        let mut mixes: Vec<_> = self.by_mix.iter().collect();
        mixes.sort_by(|(_, one), (_, other)| self.rank(other).total_cmp(&self.rank(one)));
        let shown = |(&(from, to), amount): (&(MixId, MixId), &Amount)| MixMove {
            from: name(self.old, from),
            to: name(self.new, to),
            amount: *amount,
        };
        mixes.into_iter().map(shown).collect()
    }

    pub fn footprints(mut self) -> Footprints {
        let place = |table: &Table, footprint| table.footprints.binary_search_by_key(&footprint, |(other, _)| *other);
        for (id, (footprint, _)) in self.old.footprints.iter().enumerate() {
            let amount = self.by_footprint[self.new.footprints.len() + id];
            if !amount.is_nothing()
                && let Ok(same) = place(self.new, *footprint)
            {
                self.by_footprint[same].add(amount);
                self.by_footprint[self.new.footprints.len() + id] = Amount::default();
            }
        }
        let mut moving: Vec<usize> =
            (0..self.by_footprint.len()).filter(|place| !self.by_footprint[*place].is_nothing()).collect();
        moving.sort_by(|one, other| {
            self.rank(&self.by_footprint[*other]).total_cmp(&self.rank(&self.by_footprint[*one]))
        });
        let shown = |at: &usize| {
            let (footprint, change) = match self.new.footprints.get(*at) {
                None => (self.old.footprints[*at - self.new.footprints.len()].0, FootprintChange::Removed),
                Some((new, _)) if place(self.old, *new).is_err() => (*new, FootprintChange::Added),
                Some((new, _)) => (*new, FootprintChange::Changed),
            };
            FootprintMove { footprint: footprint.to_string(), change, amount: self.by_footprint[*at] }
        };
        let most: Vec<_> = moving.iter().take(FOOTPRINTS_TOLD).map(shown).collect();
        Footprints { more: moving.len() - most.len(), most }
    }

    /// How much of what moves in either family this is: the families' numbers don't compare.
    fn rank(&self, amount: &Amount) -> f64 {
        let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
        share(amount.addresses, self.all.addresses) + share(amount.subnets, self.all.subnets)
    }
}

/// The footprint that wins where two reach: the stronger one's coming or going is what changed.
fn strength(footprint: Footprint) -> (u8, u8) {
    match footprint {
        Footprint::Default => (0, 0),
        Footprint::CountryCode(_) => (1, 0),
        Footprint::Asn(_) => (2, 0),
        Footprint::Ipv4Cidr(network) => (3, network.netmask()),
        Footprint::Ipv6Cidr(network) => (3, network.netmask()),
    }
}

impl Amount {
    fn new(ipv4: bool, size: f64, expected: bool) -> Self {
        let (addresses, subnets) = if ipv4 { (size, 0.0) } else { (0.0, size) };
        Self { addresses, subnets, expected }
    }

    fn add(&mut self, more: Self) {
        self.addresses += more.addresses;
        self.subnets += more.subnets;
        self.expected |= more.expected;
    }

    fn is_nothing(&self) -> bool {
        self.addresses == 0.0 && self.subnets == 0.0
    }
}
