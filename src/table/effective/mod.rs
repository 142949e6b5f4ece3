//! What overrides make of a table at one moment: the mixes that clients get, and until when that holds.
//!
//! 1. Weights replace their mix whole.
//! 2. CDNs that are down are left out of every mix, fallbacks too.
//! 3. A mix of which nothing is left has its clients get the default mix.
//! 4. If nothing is left of that either, the mix serves as the table has it: overrides are ignored rather than
//!    nobody answered.
//!
//! Canaries are not asked here: they are about the table's own mixes. The words are in `words`.

mod standing;
mod words;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::SystemTime;

use super::lookup::{Decision, Table};
use super::manifest::MixId;
use super::mix::{CdnId, Mix};
use super::overrides::{Change, Override, Overrides};
use super::problem::Shown;

pub use standing::{Ignored, Standing};

/// A table's mixes with the overrides that are in force.
#[derive(Debug, Clone)]
pub struct Effective {
    /// Those of the table, by the same ids. One of which nothing is left is the default mix, name and all, or
    /// what the table has.
    pub mixes: Vec<Mix>,
    /// Where the overrides come from.
    pub file: String,
    /// Every override of the file, in its order.
    pub overrides: Vec<Judged>,
    /// In the order of the table's mixes.
    pub all_down: Vec<AllDown>,
    /// Of overrides that are ignored.
    pub warnings: Vec<Shown>,
    /// The first moment at which this no longer holds. None: as long as table and overrides stay.
    pub next_change: Option<SystemTime>,
}

/// An override, and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub given: Override,
    pub standing: Standing,
}

/// A mix of which every CDN is down, and what its clients get. Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllDown {
    pub mix: String,
    pub instead: Instead,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instead {
    /// The default mix, by name.
    Default(String),
    /// The mix as the table has it: of the default mix, by name, nothing is left either.
    OfTable(String),
}

impl Effective {
    pub fn new(table: &Table, overrides: &Overrides, now: SystemTime) -> Self {
        let file = overrides.name().to_owned();
        let (overrides, warnings) = standing::judge(table, overrides, now);
        let left = Left::new(table, &overrides);
        let default = &table.mixes[usize::from(table.default_mix())];
        let left_of_default = left.of(default);
        let mut all_down = Vec::new();
        let effective = |mix: &Mix| {
            left.of(mix).unwrap_or_else(|| {
                let name = default.name.clone();
                let (served, instead) = match &left_of_default {
                    Some(left) => (left, Instead::Default(name)),
                    None => (mix, Instead::OfTable(name)),
                };
                all_down.push(AllDown { mix: mix.name.clone(), instead });
                served.clone()
            })
        };
        let mixes = table.mixes.iter().map(effective).collect();
        let next_change = overrides.iter().filter_map(|judged| judged.next_change(now)).min();
        Self { mixes, file, overrides, all_down, warnings, next_change }
    }

    /// A table without overrides.
    pub fn plain(table: &Table) -> Self {
        Self::new(table, &Overrides::default(), SystemTime::UNIX_EPOCH)
    }

    /// As [`Table::decide`], with overrides.
    pub fn decide(&self, table: &Table, address: IpAddr) -> Decision<'_> {
        table.decide_by(&self.mixes, address)
    }

    /// Whole seconds for which an answer may be kept: never past the next change.
    pub fn ttl(&self, table_ttl: u32, now: SystemTime) -> u32 {
        let Some(change) = self.next_change else { return table_ttl };
        let left = change.duration_since(now).map_or(0, |left| left.as_secs());
        table_ttl.min(u32::try_from(left).unwrap_or(u32::MAX))
    }

    pub fn in_force(&self) -> impl Iterator<Item = &Override> {
        self.overrides.iter().filter(|judged| judged.standing == Standing::InForce).map(|judged| &judged.given)
    }

    /// What becomes of a mix's clients, if nothing is left of it.
    pub fn instead_of(&self, mix: &str) -> Option<&AllDown> {
        self.all_down.iter().find(|all_down| all_down.mix == mix)
    }

    /// Whether the mix has the CDN, but for what is down.
    pub(super) fn lists(&self, table: &Table, mix: MixId, cdn: &str) -> bool {
        let mix = &table.mixes[usize::from(mix)];
        let replaced = self.in_force().find_map(|given| match &given.change {
            Change::Weights { mix: name, weights } if *name == mix.name => Some(weights),
            _ => None,
        });
        match replaced {
            Some(weights) => weights.iter().any(|(name, _)| name == cdn),
            None => table.cdn(cdn).is_some_and(|id| mix.has(id)),
        }
    }
}

/// What is left of mixes.
struct Left<'o> {
    down: HashSet<CdnId>,
    replaced: HashMap<&'o str, Mix>,
}

impl<'o> Left<'o> {
    fn new(table: &Table, overrides: &'o [Judged]) -> Self {
        let mut left = Self { down: HashSet::new(), replaced: HashMap::new() };
        for judged in overrides.iter().filter(|judged| judged.standing == Standing::InForce) {
            match &judged.given.change {
                Change::Down { cdn } => left.down.extend(table.cdn(cdn)),
                Change::Weights { mix, weights } => {
                    let known = |(cdn, weight): &'o (String, u16)| Some((table.cdn(cdn)?, cdn.as_str(), *weight));
                    left.replaced.insert(mix, Mix::new(mix.clone(), weights.iter().filter_map(known)));
                }
            }
        }
        left
    }

    fn of(&self, mix: &Mix) -> Option<Mix> {
        let replaced = self.replaced.get(mix.name.as_str()).unwrap_or(mix);
        replaced.without(|cdn| self.down.contains(&cdn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::moment::read;
    use crate::table::{Inputs, Manifest, Problems, compile};

    fn table() -> Table {
        let text = r#"{
            "version": "1", "ttl": 300, "default": "world", "footprints": [],
            "cdns": { "a": { "url": "https://a.example/" }, "b": { "url": "https://b.example/" } },
            "mixes": { "uk": { "a": 1 }, "world": { "a": 1, "b": 0 } }
        }"#;
        let mut problems = Problems::new();
        let manifest = Manifest::parse("t.json", text, &mut problems).unwrap();
        compile(manifest, Inputs::default(), &mut problems).unwrap()
    }

    fn effective(list: &str) -> Effective {
        let text = format!(r#"{{ "overrides": [{list}] }}"#);
        let now = read("2026-11-21T12:00:00Z").unwrap();
        let overrides = Overrides::parse("o.json", &text, now, &mut Problems::new()).unwrap();
        Effective::new(&table(), &overrides, now)
    }

    fn told(effective: &Effective) -> Vec<String> {
        effective.all_down.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_clients_of_a_mix_that_is_down_get_the_default() {
        let effective = effective(r#"{ "cdn": "a", "state": "down" }"#);
        assert_eq!(effective.mixes[0], effective.mixes[1]);
        assert_eq!(effective.mixes[0].name, "world");
        assert!(!effective.mixes[0].depends_on_subnet(), "a fallback is left");
        assert_eq!(told(&effective), ["every CDN of mix `uk` is down: its clients get the default mix `world`"]);
    }

    #[test]
    fn when_all_is_down_overrides_are_ignored() {
        let all = r#"{ "cdn": "a", "state": "down" }, { "cdn": "b", "state": "down" }"#;
        let effective = effective(all);
        assert_eq!(effective.mixes, table().mixes);
        assert_eq!(
            told(&effective),
            [
                "every CDN of mix `uk` is down, and of the default mix `world` too: overrides are ignored for it, \
                 and its clients sent there all the same",
                "every CDN of mix `world`, the default, is down: overrides are ignored for it, and its clients sent there all \
                 the same",
            ]
        );
    }

    #[test]
    fn a_ttl_ends_before_the_next_change() {
        let until = r#"{ "cdn": "a", "state": "down", "until": "2026-11-21T12:01:00Z" }"#;
        let effective = effective(until);
        for (now, ttl) in [
            ("11:55:00", 300),
            ("12:00:00", 60),
            ("12:00:00.5", 59),
            ("12:00:59", 1),
            ("12:00:59.1", 0),
            ("12:01:00", 0),
            ("12:09:00", 0),
        ] {
            let now = read(&format!("2026-11-21T{now}Z")).unwrap();
            assert_eq!(effective.ttl(300, now), ttl, "{now:?}");
        }
    }
}
