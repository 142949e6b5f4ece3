//! Overrides worked out a second way: names and weights in maps, times as whole hours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use croupier::table::moment;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Those of every sketch, and one of none.
const CDNS: [&str; 7] = ["akamai", "bidi", "cdn-1", "cdn-2", "Zeta.x", "z", "unheard-of"];
/// A sketch has up to four of these, and never the last.
const MIXES: [&str; 5] = ["mix-0", "mix-1", "mix-2", "mix-3", "mix-none"];

type Weights = BTreeMap<&'static str, u16>;

#[derive(Debug, Clone)]
pub enum Change {
    Down(&'static str),
    Weights(&'static str, Weights),
}

/// Times are hours from [`now`].
#[derive(Debug, Clone)]
pub struct Override {
    pub change: Change,
    pub from: Option<i64>,
    pub until: Option<i64>,
}

/// The moment at which all of this is looked at.
pub fn now() -> SystemTime {
    moment::read("2026-11-21T12:00:00Z").expect("a time")
}

pub fn at(hour: i64) -> SystemTime {
    let distance = Duration::from_hours(hour.unsigned_abs());
    if hour < 0 { now() - distance } else { now() + distance }
}

fn one() -> impl Strategy<Value = Override> {
    let weight = prop_oneof![Just(0_u16), Just(1), 2_u16..100, Just(u16::MAX)];
    let weights = btree_map(select(&CDNS[..]), weight, 1..4).prop_map(|mut weights| {
        if weights.values().all(|weight| *weight == 0) {
            weights.insert("bidi", 3);
        }
        weights
    });
    let change = prop_oneof![
        3 => select(&CDNS[..]).prop_map(Change::Down),
        1 => (select(&MIXES[..]), weights).prop_map(|(mix, weights)| Change::Weights(mix, weights)),
    ];
    // Mostly in force: from before now until after.
    let from = prop_oneof![3 => Just(None), 2 => (-9_i64..=0).prop_map(Some), 1 => (1_i64..5).prop_map(Some)];
    let length = prop_oneof![1 => Just(None), 2 => (1_i64..20).prop_map(Some)];
    (change, from, length).prop_map(|(change, from, length)| {
        let until = length.map(|length| from.unwrap_or(-3) + length);
        Override { change, from, until }
    })
}

/// Files of overrides, some of them in conflict.
pub fn overrides(most: usize) -> impl Strategy<Value = Vec<Override>> {
    vec(one(), 0..=most)
}

impl Override {
    fn target(&self) -> (bool, &'static str) {
        match self.change {
            Change::Down(cdn) => (true, cdn),
            Change::Weights(mix, _) => (false, mix),
        }
    }

    fn holds(&self, hour: i64) -> bool {
        self.from.is_none_or(|from| from <= hour) && self.until.is_none_or(|until| hour < until)
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= 0)
    }

    fn written(&self) -> Value {
        let mut written = match &self.change {
            Change::Down(cdn) => json!({ "cdn": cdn, "state": "down" }),
            Change::Weights(mix, weights) => json!({ "mix": mix, "weights": weights }),
        };
        for (key, hour) in [("from", self.from), ("until", self.until)] {
            if let Some(hour) = hour {
                written[key] = json!(moment::written(at(hour)));
            }
        }
        written
    }
}

pub fn written(overrides: &[Override]) -> String {
    let list: Vec<Value> = overrides.iter().map(Override::written).collect();
    json!({ "overrides": list }).to_string()
}

/// Whether two of one target hold in the same hour, and neither is over.
pub fn is_conflict(one: &Override, other: &Override) -> bool {
    one.target() == other.target()
        && !one.is_over()
        && !other.is_over()
        && (-50..50).any(|hour| one.holds(hour) && other.holds(hour))
}

pub fn conflicts(overrides: &[Override]) -> bool {
    overrides.iter().enumerate().any(|(index, one)| overrides[..index].iter().any(|other| is_conflict(one, other)))
}

/// The same without those that are in conflict with one before.
pub fn settled(overrides: Vec<Override>) -> Vec<Override> {
    let mut settled: Vec<Override> = Vec::new();
    for one in overrides {
        if !settled.iter().any(|other| is_conflict(&one, other)) {
            settled.push(one);
        }
    }
    settled
}

/// A mix as clients get it.
pub type Served = (String, BTreeMap<String, u16>);

pub struct Model {
    /// By the name of the table's mix.
    pub mixes: BTreeMap<String, Served>,
    pub all_down: BTreeSet<String>,
    pub ignored: usize,
    pub next_change: Option<i64>,
}

impl Model {
    pub fn new(manifest: &str, overrides: &[Override]) -> Self {
        let manifest: Value = serde_json::from_str(manifest).expect("a manifest is JSON");
        let names = |key: &str| manifest[key].as_object().expect("names").keys().cloned().collect::<BTreeSet<_>>();
        let (cdns, mixes) = (names("cdns"), names("mixes"));
        let known = |one: &&Override| match &one.change {
            Change::Down(cdn) => cdns.contains(*cdn),
            Change::Weights(mix, weights) => mixes.contains(*mix) && weights.keys().all(|cdn| cdns.contains(*cdn)),
        };
        let heeded: Vec<&Override> = overrides.iter().filter(|one| !one.is_over()).filter(known).collect();
        let in_force: Vec<&&Override> = heeded.iter().filter(|one| one.holds(0)).collect();
        let of_table = |mix: &str| -> BTreeMap<String, u16> {
            serde_json::from_value(manifest["mixes"][mix].clone()).expect("weights")
        };
        let left = |mix: &str| {
            let mut weights = of_table(mix);
            for one in &in_force {
                if let Change::Weights(name, new) = &one.change
                    && *name == mix
                {
                    weights = new.iter().map(|(cdn, weight)| ((*cdn).to_owned(), *weight)).collect();
                }
            }
            weights
                .retain(|cdn, _| !in_force.iter().any(|one| matches!(one.change, Change::Down(name) if name == cdn)));
            weights
        };
        let default = manifest["default"].as_str().expect("a mix").to_owned();
        let all_down: BTreeSet<String> = mixes.iter().filter(|mix| left(mix).is_empty()).cloned().collect();
        let serve = |mix: &String| match (all_down.contains(mix), all_down.contains(&default)) {
            (false, _) => (mix.clone(), left(mix)),
            (true, false) => (default.clone(), left(&default)),
            (true, true) => (mix.clone(), of_table(mix)),
        };
        let changes = heeded.iter().flat_map(|one| [one.from, one.until]).flatten();
        Self {
            mixes: mixes.iter().map(|mix| (mix.clone(), serve(mix))).collect(),
            ignored: overrides.len() - heeded.len(),
            next_change: changes.filter(|hour| *hour > 0).min(),
            all_down,
        }
    }
}
