//! What becomes of clients when one table takes another's place: for every two mixes that meet,
//! whether their clients stay, all move, or each subnet decides.
//!
//! CDNs are known by name here, whatever their ids in either table: both tables' names make one
//! list, in byte order.

use std::cell::OnceCell;
use std::collections::HashMap;

use ip_network::IpNetwork;

use super::Table;
use super::manifest::{Cdn, MixId};
use super::mix::{Mix, NameKey, Subnet, hash, score};
use super::odds::odds;
use super::walk::{Region, Walk};

/// A CDN by its place in the list of both tables' names.
pub type CdnPlace = usize;

/// Regions of more subnets than this are not asked subnet by subnet...
const REGION_ASKED: u64 = 1 << 20;
/// ... nor more subnets than this in all: the widest regions are worked out instead, where that is
/// nearest to the truth.
const ASKED_IN_ALL: u64 = 1 << 24;

/// Part of a region that gets another first CDN.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    pub from: CdnPlace,
    pub to: CdnPlace,
    /// As [`Region::size`].
    pub size: f64,
    /// Worked out from the weights, not counted.
    pub expected: bool,
}

/// Two tables, and what every pair of their mixes that was met means.
pub struct Moves<'t> {
    pub old: &'t Table,
    pub new: &'t Table,
    pub names: Vec<&'t str>,
    changes: HashMap<(MixId, MixId), Change>,
}

impl<'t> Moves<'t> {
    pub fn new(old: &'t Table, new: &'t Table) -> Self {
        let mut names: Vec<_> = old.cdns.iter().chain(&new.cdns).map(|cdn| cdn.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        Self { old, new, names, changes: HashMap::new() }
    }

    /// The regions of a prefix.
    pub fn walk(&self, within: IpNetwork) -> Walk<'t> {
        Walk::new(&self.old.trie, &self.new.trie, within)
    }

    /// The mixes that a region's clients get in the old table and in the new.
    pub fn mixes(&self, region: &Region) -> (MixId, MixId) {
        (self.old.footprints.get(region.old).1, self.new.footprints.get(region.new).1)
    }

    /// How wide regions may be, in subnets, to be asked subnet by subnet without this taking too
    /// long for all regions together.
    pub fn widest_asked(&mut self, regions: impl Iterator<Item = Region>) -> u64 {
        // By the logarithm of their width: it is a power of two, up to 2^48.
        let mut subnets = [0_u64; 49];
        for region in regions {
            if matches!(self.change(self.mixes(&region)), Change::BySubnet(_)) {
                let sum = &mut subnets[region.subnets().ilog2() as usize];
                *sum = sum.saturating_add(region.subnets());
            }
        }
        let mut in_all = 0_u64;
        let few_enough = subnets.into_iter().take_while(|subnets| {
            in_all = in_all.saturating_add(*subnets);
            in_all <= ASKED_IN_ALL
        });
        ((1_u64 << few_enough.count()) >> 1).min(REGION_ASKED)
    }

    /// Tells every move in a region: subnet by subnet if it is no wider than `widest_asked`, or
    /// else what is expected of them all.
    pub fn each(&mut self, region: &Region, widest_asked: u64, mut moved: impl FnMut(Move)) {
        let size = region.size();
        match self.change(self.mixes(region)) {
            Change::Nothing => {}
            Change::All { from, to } => moved(Move { from: *from, to: *to, size, expected: false }),
            Change::BySubnet(contest) if region.subnets() <= widest_asked => {
                let size = size / region.subnets() as f64;
                for (from, to) in region.each_subnet().map(|subnet| contest.firsts(subnet)) {
                    if from != to {
                        moved(Move { from, to, size, expected: false });
                    }
                }
            }
            Change::BySubnet(contest) => {
                for (from, to, share) in contest.expected() {
                    moved(Move { from: *from, to: *to, size: size * share, expected: true });
                }
            }
        }
    }

    fn change(&mut self, mixes: (MixId, MixId)) -> &Change {
        let Self { old, new, names, changes } = self;
        changes.entry(mixes).or_insert_with(|| {
            let old = (&old.mixes[usize::from(mixes.0)], old.cdns.as_slice());
            let new = (&new.mixes[usize::from(mixes.1)], new.cdns.as_slice());
            Change::new(rivals(names, old, new))
        })
    }
}

/// A CDN that has a weight in at least one of two mixes.
#[derive(Debug, Clone, Copy)]
struct Rival {
    cdn: CdnPlace,
    key: NameKey,
    old: u16,
    new: u16,
}

/// Both mixes' CDNs, in byte order of name.
fn rivals(names: &[&str], old: (&Mix, &[Cdn]), new: (&Mix, &[Cdn])) -> Vec<Rival> {
    let shares = |(mix, cdns): (&Mix, &[Cdn])| {
        let place = |name: &str| names.partition_point(|other| *other < name);
        let share = mix.shares().iter();
        share.map(|share| (place(&cdns[usize::from(share.cdn)].name), share.key, share.weight)).collect::<Vec<_>>()
    };
    let mut rivals: Vec<_> =
        shares(old).into_iter().map(|(cdn, key, weight)| Rival { cdn, key, old: weight, new: 0 }).collect();
    for (cdn, key, weight) in shares(new) {
        match rivals.iter_mut().find(|rival| rival.cdn == cdn) {
            Some(rival) => rival.new = weight,
            None => rivals.push(Rival { cdn, key, old: 0, new: weight }),
        }
    }
    rivals.sort_by_key(|rival| rival.cdn);
    rivals
}

/// What a change from one mix to another does to the first CDN of its clients.
enum Change {
    Nothing,
    All { from: CdnPlace, to: CdnPlace },
    BySubnet(Contest),
}

impl Change {
    fn new(rivals: Vec<Rival>) -> Self {
        if rivals.iter().all(|rival| rival.old == rival.new) {
            return Self::Nothing;
        }
        let only = |weight: fn(&Rival) -> u16| {
            let mut weighted = rivals.iter().filter(|rival| weight(rival) > 0);
            weighted.next().filter(|_| weighted.next().is_none()).map(|rival| rival.cdn)
        };
        match (only(|rival| rival.old), only(|rival| rival.new)) {
            (Some(from), Some(to)) if from == to => Self::Nothing,
            (Some(from), Some(to)) => Self::All { from, to },
            _ => Self::BySubnet(Contest { rivals, expected: OnceCell::new() }),
        }
    }
}

struct Contest {
    rivals: Vec<Rival>,
    expected: OnceCell<Vec<(CdnPlace, CdnPlace, f64)>>,
}

impl Contest {
    /// The first of [`Mix::order`] under the old weights and under the new. Draws are shared.
    fn firsts(&self, subnet: Subnet) -> (CdnPlace, CdnPlace) {
        let (mut old, mut new) = ((u64::MAX, 0), (u64::MAX, 0));
        for rival in &self.rivals {
            let draw = hash(subnet, rival.key);
            if rival.old > 0 {
                old = old.min((score(draw, rival.old), rival.cdn));
            }
            if rival.new > 0 {
                new = new.min((score(draw, rival.new), rival.cdn));
            }
        }
        (old.1, new.1)
    }

    fn expected(&self) -> &[(CdnPlace, CdnPlace, f64)] {
        self.expected.get_or_init(|| {
            let weights: Vec<_> = self.rivals.iter().map(|rival| (rival.old, rival.new)).collect();
            let named = |(from, to, share): (usize, usize, f64)| (self.rivals[from].cdn, self.rivals[to].cdn, share);
            odds(&weights).into_iter().map(named).collect()
        })
    }
}
