//! Everything that moves between two tables, summed up by CDN, by mix and by footprint.

use std::collections::BTreeMap;

use super::Table;
use super::diff::{Amount, Family, FootprintChange, FootprintMove, Footprints, MixMove};
use super::footprint::Footprint;
use super::manifest::MixId;
use super::moves::{CdnPlace, Moves};
use super::trie::FootprintId;
use super::walk::Region;

/// So many footprints are told one by one; the rest are counted.
const FOOTPRINTS_TOLD: usize = 20;

/// Everything that moves, summed up three ways.
pub struct Tally<'t> {
    old: &'t Table,
    new: &'t Table,
    by_cdn: BTreeMap<(CdnPlace, CdnPlace), Amount>,
    by_mix: BTreeMap<(MixId, MixId), Amount>,
    by_footprint: ByFootprint,
    all: Amount,
}

impl<'t> Tally<'t> {
    pub fn new(old: &'t Table, new: &'t Table) -> Self {
        let by_footprint = ByFootprint::new(old.footprints.len(), new.footprints.len());
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
        let strength_of = |table: &Table, id| strength(table.footprints.get(id).0);
        if strength_of(self.old, region.old) > strength_of(self.new, region.new) {
            self.by_footprint.old.add(region.old, sum);
        } else {
            self.by_footprint.new.add(region.new, sum);
        }
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
        for (id, (footprint, _)) in (0..).zip(self.old.footprints.iter()) {
            if let Some(same) = self.new.footprints.id(footprint) {
                let amount = self.by_footprint.old.take(id);
                self.by_footprint.new.add(same, amount);
            }
        }
        let ByFootprint { old, new } = &self.by_footprint;
        let changed = new.moving().map(|(id, amount)| {
            let footprint = self.new.footprints.get(id).0;
            let is_added = self.old.footprints.id(footprint).is_none();
            (footprint, if is_added { FootprintChange::Added } else { FootprintChange::Changed }, amount)
        });
        let removed =
            old.moving().map(|(id, amount)| (self.old.footprints.get(id).0, FootprintChange::Removed, amount));
        let (mut most, mut in_all) = (Vec::with_capacity(FOOTPRINTS_TOLD + 1), 0);
        for one in changed.chain(removed) {
            in_all += 1;
            let rank = self.rank(&one.2);
            // Of equals the first comes first.
            let place = most.partition_point(|(other, _)| *other >= rank);
            if place < FOOTPRINTS_TOLD {
                most.insert(place, (rank, one));
                most.truncate(FOOTPRINTS_TOLD);
            }
        }
        let shown = |(_, (footprint, change, amount)): (f64, (Footprint, FootprintChange, Amount))| FootprintMove {
            footprint: footprint.to_string(),
            change,
            amount,
        };
        Footprints { more: in_all - most.len(), most: most.into_iter().map(shown).collect() }
    }

    /// How much of what moves in either family this is: the families' numbers don't compare.
    fn rank(&self, amount: &Amount) -> f64 {
        let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
        share(amount.addresses, self.all.addresses) + share(amount.subnets, self.all.subnets)
    }
}

/// What moves by each footprint, by its id in either table.
struct ByFootprint {
    old: Amounts,
    new: Amounts,
}

impl ByFootprint {
    fn new(old: usize, new: usize) -> Self {
        Self { old: Amounts::new(old), new: Amounts::new(new) }
    }
}

/// An [`Amount`] for each id. In columns, since those that stay nought cost no memory: the system gives it out zeroed, at
/// the first write. Most footprints are of one family, and few move.
struct Amounts {
    addresses: Vec<f64>,
    subnets: Vec<f64>,
    expected: Vec<bool>,
}

impl Amounts {
    fn new(count: usize) -> Self {
        Self { addresses: vec![0.0; count], subnets: vec![0.0; count], expected: vec![false; count] }
    }

    fn at(&self, at: usize) -> Amount {
        Amount { addresses: self.addresses[at], subnets: self.subnets[at], expected: self.expected[at] }
    }

    /// Writes nothing that is there already.
    fn add(&mut self, id: FootprintId, more: Amount) {
        let at = id as usize;
        if more.addresses != 0.0 {
            self.addresses[at] += more.addresses;
        }
        if more.subnets != 0.0 {
            self.subnets[at] += more.subnets;
        }
        if more.expected {
            self.expected[at] = true;
        }
    }

    fn take(&mut self, id: FootprintId) -> Amount {
        let amount = self.at(id as usize);
        if !amount.is_nothing() {
            let at = id as usize;
            (self.addresses[at], self.subnets[at], self.expected[at]) = (0.0, 0.0, false);
        }
        amount
    }

    fn moving(&self) -> impl Iterator<Item = (FootprintId, Amount)> {
        (0..).zip(0..self.addresses.len()).map(|(id, at)| (id, self.at(at))).filter(|(_, amount)| !amount.is_nothing())
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
