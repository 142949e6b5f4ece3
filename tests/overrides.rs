//! Overrides: what they make of a table is what a naive model makes of it, clients move no more than they
//! must, and no answer outlives the next change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "overrides/faults.rs"]
mod faults;
#[path = "offline/marked.rs"]
mod marked;
#[path = "overrides/model.rs"]
mod model;
#[path = "common/oracle.rs"]
mod oracle;
#[path = "common/sketch.rs"]
mod sketch;
#[path = "common/tables.rs"]
mod tables;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use croupier::table::effective::Standing;
use croupier::table::mix::Mix;
use croupier::table::{Decision, Effective, Overrides, Problems, Table, explain};
use model::{Change, Model, Override, at, now};
use oracle::{Family, Oracle, Random, number};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

fn build(sketch: &sketch::Sketch) -> Table {
    tables::build("table.json", &sketch.manifest, tables::LIMIT, |path| sketch.file(path)).good()
}

fn parse(overrides: &[Override]) -> Option<Overrides> {
    Overrides::parse("overrides.json", &model::written(overrides), now(), &mut Problems::new())
}

fn effective(table: &Table, overrides: &[Override]) -> Effective {
    Effective::new(table, &parse(overrides).expect("no conflict"), now())
}

/// A few addresses of each family, of every footprint.
fn addresses(oracle: &Oracle, count: usize, seed: u64) -> Vec<IpAddr> {
    Family::BOTH.into_iter().flat_map(|family| oracle.addresses(family, count, seed)).collect()
}

fn names<'t>(table: &'t Table, decision: &Decision<'_>) -> Vec<&'t str> {
    decision.cdns.iter().map(|cdn| table.cdns[usize::from(*cdn)].name.as_str()).collect()
}

/// Why an answer does not hold in all of its scope, or would hold in a wider one.
fn fault(table: &Table, effective: &Effective, oracle: &Oracle, ip: IpAddr, random: &mut Random) -> Option<String> {
    let decision = effective.decide(table, ip);
    let family = Family::of(ip);
    let around = |length: u8| {
        let host = family.last().checked_shr(length.into()).unwrap_or(0);
        (family.address(number(ip) & !host), family.address(number(ip) | host))
    };
    let length = decision.scope.netmask();
    let (first, last) = around(length);
    let drawn = (0..4).map(|_| number(first) + random.up_to(number(last) - number(first)));
    let drawn: Vec<IpAddr> = drawn.map(|number| family.address(number)).collect();
    for other in oracle.changes(first, last).chain([last]).chain(drawn) {
        let others = effective.decide(table, other);
        // An IPv6 scope may span the IPv4-mapped addresses, which are never looked up as such.
        if other.to_canonical() == other
            && (others.footprint, &others.cdns, others.scope) != (decision.footprint, &decision.cdns, decision.scope)
        {
            return Some(format!("{ip}: {other} is in {} but has another answer", decision.scope));
        }
    }
    let bound = if ip.is_ipv4() { 24 } else { 48 };
    let at_its_widest = length == 0 || decision.mix.depends_on_subnet() && length == bound;
    let (wider_first, wider_last) = around(length.saturating_sub(1));
    let footprint = decision.footprint.to_string();
    let holds_wider = oracle.changes(wider_first, wider_last).all(|other| oracle.answer(other).0 == footprint);
    (!at_its_widest && holds_wider).then(|| format!("{ip}: {} could be one bit wider", decision.scope))
}

proptest! {
    #![proptest_config(Config {
        cases: 300,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn the_mixes_are_those_of_the_model(sketch in sketch::sketch(2), overrides in model::overrides(8)) {
        prop_assert_eq!(parse(&overrides).is_none(), model::conflicts(&overrides));
        let overrides = model::settled(overrides);
        let table = build(&sketch);
        let effective = effective(&table, &overrides);
        let model = Model::new(&sketch.manifest, &overrides);
        for (mix, found) in table.mixes.iter().zip(&effective.mixes) {
            let (name, weights) = &model.mixes[&mix.name];
            let weights = weights.iter().map(|(cdn, weight)| (table.cdn(cdn).unwrap(), cdn.as_str(), *weight));
            prop_assert_eq!(found, &Mix::new(name.clone(), weights), "{}", mix.name);
        }
        let all_down: BTreeSet<_> = effective.all_down.iter().map(|all_down| all_down.mix.clone()).collect();
        prop_assert_eq!(all_down, model.all_down);
        prop_assert_eq!(effective.next_change, model.next_change.map(at));
        let is_ignored = |standing: &Standing| matches!(standing, Standing::Ignored(_));
        let ignored = effective.overrides.iter().filter(|judged| is_ignored(&judged.standing)).count();
        prop_assert_eq!((ignored, effective.warnings.len()), (model.ignored, model.ignored));
    }

    #[test]
    fn a_mix_holds_until_the_next_change(
        sketch in sketch::sketch(1),
        overrides in model::overrides(8),
        later in 0_u32..1000,
    ) {
        let overrides = model::settled(overrides);
        let (table, parsed) = (build(&sketch), parse(&overrides).unwrap());
        let effective = Effective::new(&table, &parsed, now());
        let end = effective.next_change.unwrap_or(at(200));
        let then = now() + (end - Duration::from_nanos(1)).duration_since(now()).unwrap() * later / 1000;
        prop_assert_eq!(&Effective::new(&table, &parsed, then).mixes, &effective.mixes);
        let ttl = effective.ttl(86_400, then);
        prop_assert!(ttl <= 86_400 && then + Duration::from_secs(ttl.into()) <= end || effective.next_change.is_none());
        prop_assert!(ttl == 86_400 || then + Duration::from_secs(u64::from(ttl) + 1) > end, "not shorter than need be");
    }

    #[test]
    fn a_cdn_that_is_down_moves_only_its_own_clients(
        sketch in sketch::sketch(6),
        overrides in model::overrides(3),
        seed: u64,
    ) {
        let (table, oracle) = (build(&sketch), Oracle::new(&sketch.manifest, |path| sketch.file(path)));
        let is_of = |one: &Override, cdn: &str| matches!(one.change, Change::Down(name) if name == cdn);
        for cdn in ["akamai", "cdn-2"] {
            let mut list = model::settled(overrides.clone());
            list.retain(|one| !is_of(one, cdn));
            let before = effective(&table, &list);
            list.push(Override { change: Change::Down(cdn), from: None, until: None });
            let after = effective(&table, &list);
            for ip in addresses(&oracle, 40, seed) {
                let (old, new) = (before.decide(&table, ip), after.decide(&table, ip));
                let own = &oracle.answer(ip).1;
                if after.instead_of(own).is_some() {
                    continue;
                }
                let mut left = names(&table, &old);
                left.retain(|name| *name != cdn);
                prop_assert_eq!(names(&table, &new), left, "{}", ip);
                prop_assert_eq!(&new.mix.name, own);
            }
        }
    }

    #[test]
    fn the_scope_is_the_widest_in_which_the_answer_holds(
        sketch in sketch::sketch(8),
        overrides in model::overrides(6),
        seed: u64,
    ) {
        let (table, oracle) = (build(&sketch), Oracle::new(&sketch.manifest, |path| sketch.file(path)));
        let effective = effective(&table, &model::settled(overrides));
        let mut random = Random::new(seed);
        for ip in addresses(&oracle, 60, seed) {
            prop_assert_eq!(fault(&table, &effective, &oracle, ip, &mut random), None);
        }
    }

    #[test]
    fn an_explanation_says_what_the_answer_says(
        sketch in sketch::sketch(4),
        overrides in model::overrides(6),
        seed: u64,
    ) {
        let (table, oracle) = (build(&sketch), Oracle::new(&sketch.manifest, |path| sketch.file(path)));
        let overrides = model::settled(overrides);
        let (effective, plain) = (effective(&table, &overrides), Effective::plain(&table));
        for ip in addresses(&oracle, 20, seed) {
            let decision = effective.decide(&table, ip);
            let explanation = explain(&table, &effective, ip, 1, now());
            prop_assert_eq!(explanation.mix, &decision.mix.name);
            prop_assert_eq!(explanation.ttl, effective.ttl(table.ttl, now()));
            let told: Vec<_> = explanation.cdns.iter().map(|choice| choice.name).collect();
            prop_assert_eq!(told, names(&table, &decision));
            prop_assert_eq!(explanation.overrides.len(), effective.in_force().count());
            prop_assert_eq!(explanation.mix_reason.is_some(), effective.instead_of(&oracle.answer(ip).1).is_some());
            let without_effect = explanation.overrides.iter().all(|one| one.effect == "none on this answer");
            if without_effect {
                let same = plain.decide(&table, ip);
                prop_assert_eq!((same.mix, &same.cdns), (decision.mix, &decision.cdns));
            }
        }
    }
}

const TABLE: &str = r#"{
    "version": "1", "ttl": 300, "default": "world",
    "cdns": { "akamai": { "url": "https://a.example/" }, "bidi": { "url": "https://b.example/" } },
    "mixes": { "uk": { "akamai": 1 }, "world": { "akamai": 1, "bidi": 1 } },
    "footprints": [{ "footprint-type": "ipv4cidr", "footprint-value": ["10.0.0.0/8"], "mix": "uk" }],
    "canaries": [{ "ip": "10.0.0.1", "mix": "uk" }]
}"#;

fn example() -> Table {
    tables::build("table.json", TABLE, tables::LIMIT, |path| panic!("{path} is not needed")).good()
}

#[test]
fn effects_by_example() {
    let table = example();
    let akamai = r#"{ "cdn": "akamai", "state": "down" }"#;
    let bidi = r#"{ "cdn": "bidi", "state": "down" }"#;
    let uk = r#"{ "mix": "uk", "weights": { "bidi": 1 } }"#;
    let world = r#"{ "mix": "world", "weights": { "bidi": 2 } }"#;
    for (list, effects, reason) in [
        (vec![bidi], vec!["none on this answer"], None),
        (vec![uk], vec!["its weights are those of mix `uk`"], None),
        (vec![akamai, uk], vec!["none on this answer", "its weights are those of mix `uk`"], None),
        (
            vec![akamai, world],
            vec!["left out of mix `uk`, of which nothing is left", "its weights are those of mix `world`"],
            Some("every CDN of mix `uk` is down: its clients get the default mix `world`"),
        ),
        (
            vec![akamai],
            vec!["left out of mix `uk`, of which nothing is left; left out of mix `world`"],
            Some("every CDN of mix `uk` is down: its clients get the default mix `world`"),
        ),
        (
            vec![akamai, bidi],
            vec!["ignored for mix `uk`, of which nothing would be left", "none on this answer"],
            Some(
                "every CDN of mix `uk` is down, and of the default mix `world` too: overrides are ignored for it, and its clients sent there all the same",
            ),
        ),
    ] {
        let text = format!(r#"{{ "overrides": [{}] }}"#, list.join(", "));
        let overrides = Overrides::parse("o.json", &text, now(), &mut Problems::new()).unwrap();
        let effective = Effective::new(&table, &overrides, now());
        let explanation = explain(&table, &effective, [10, 0, 0, 1].into(), 1, now());
        let found: Vec<_> = explanation.overrides.iter().map(|one| one.effect.as_str()).collect();
        assert_eq!(found, effects);
        assert_eq!(explanation.mix_reason.map(ToString::to_string).as_deref(), reason);
        assert_eq!(table.failing_canaries().count(), 0, "no override can fail one");
        let shown = serde_json::to_value(&explanation).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(list[0]).unwrap();
        expected["effect"] = effects[0].into();
        assert_eq!(shown["overrides"][0], expected, "as its file has it");
        assert_eq!(shown.get("mix_reason").and_then(serde_json::Value::as_str), reason);
    }
}

#[test]
fn what_is_ignored_is_told_in_its_place() {
    let text = r#"{ "overrides": [
  { "cdn": «"akamia"», "state": "down" },
  { "mix": "uk", "weights": { "bidi": 1, «"bide"»: 1 } },
  { "mix": «"mars"», "weights": { "bidi": 1 } },
  { "cdn": «"bidi"», "state": "down", "until": "2026-11-21T12:00:00Z" },
  { "cdn": "bidi", "state": "down", "from": "2026-11-22T12:00:00Z" }
] }"#;
    let marked = marked::Marked::new(text);
    let overrides = Overrides::parse("o.json", &marked.text, now(), &mut Problems::new()).unwrap();
    let effective = Effective::new(&example(), &overrides, now());
    let told: Vec<_> = effective.warnings.iter().map(|shown| (shown.line, shown.column, shown.length)).collect();
    let spots: Vec<_> = marked.faults.iter().map(|spot| (spot.line, spot.column, spot.length)).collect();
    assert_eq!(told, spots);
    let told: Vec<_> = effective.warnings.iter().map(|shown| shown.to_string().replace("\n    ", " ")).collect();
    assert_eq!(
        told,
        [
            "o.json:2:12: warning: the override of CDN `akamia` is ignored: unknown CDN `akamia` help: did you mean `akamai`?",
            "o.json:3:42: warning: the override of mix `uk` is ignored: unknown CDN `bide` help: did you mean `bidi`?",
            "o.json:4:12: warning: the override of mix `mars` is ignored: unknown mix `mars` help: the table has uk, world",
            "o.json:5:12: warning: the override of CDN `bidi` is ignored: it is over help: take it out of the file",
        ]
    );
    let standings: Vec<_> = effective.overrides.iter().map(|judged| judged.standing.to_string()).collect();
    assert_eq!(standings[3..], ["over", "scheduled"]);
    assert_eq!(effective.mixes, example().mixes);
}
