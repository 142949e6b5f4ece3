//! Every address gets the footprint and the mix that an independent oracle works out for it.

#[path = "common/oracle.rs"]
mod oracle;
#[path = "common/sketch.rs"]
mod sketch;
#[path = "common/tables.rs"]
mod tables;

use std::collections::BTreeSet;

use croupier::table::Table;
use oracle::{Family, Oracle};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Compares `count` addresses of each family. Gives the kinds of footprint that were met.
fn compare(name: &str, table: &Table, oracle: &Oracle, count: usize, seed: u64) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for family in Family::BOTH {
        let mut wrong = Vec::new();
        for ip in oracle.addresses(family, count, seed) {
            let decision = table.decide(ip);
            let found = (decision.footprint.to_string(), decision.mix.name.clone());
            let expected = oracle.answer(ip);
            let kind = expected.0.split(':').next().unwrap_or_default();
            if !kinds.contains(kind) {
                kinds.insert(kind.to_owned());
            }
            if found != expected {
                wrong.push(format!("{ip}: {found:?}, not {expected:?}"));
            }
        }
        let first: Vec<_> = wrong.iter().take(5).collect();
        assert!(wrong.is_empty(), "{name}, {family:?}: {} of {count} differ: {first:#?}", wrong.len());
    }
    kinds
}

#[test]
fn the_default_table_answers_as_the_oracle() {
    let table = tables::read(tables::data(), "cdn-table.json").good();
    let oracle = Oracle::read(tables::data(), "cdn-table.json");
    let kinds = compare("the default table", &table, &oracle, 200_000, 1);
    assert!(kinds.iter().eq(["asn", "countrycode", "default", "ipv4cidr", "ipv6cidr"]), "{kinds:?}");
}

/// Tables made to be difficult: hundreds of prefixes and ranges that nest, touch, repeat and
/// overlap around a few places, some as wide as the space.
#[test]
fn generated_tables_answer_as_the_oracle() {
    let mut runner = TestRunner::deterministic();
    let mut full_space = 0;
    for (number, most) in [3, 10, 30, 100, 100, 300, 300, 600].into_iter().enumerate() {
        let sketch = sketch::sketch(most).new_tree(&mut runner).expect("a sketch").current();
        let dir = tempfile::tempdir().expect("a folder");
        sketch.write(dir.path());
        full_space += usize::from(sketch.manifest.contains("/0\""));
        let table = tables::read(dir.path(), "table.json").good();
        let oracle = Oracle::read(dir.path(), "table.json");
        compare(&format!("generated table {number}"), &table, &oracle, 100_000, number as u64);
    }
    assert!(full_space > 0, "no table had a prefix as wide as the space");
}

proptest! {
    #![proptest_config(Config {
        cases: 300,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    })]

    /// The same over many small tables, which shrink to an example when one fails.
    #[test]
    fn small_tables_answer_as_the_oracle(sketch in sketch::sketch(8), seed: u64) {
        let table = tables::build("table.json", &sketch.manifest, tables::LIMIT, |path| sketch.file(path)).good();
        let oracle = Oracle::new(&sketch.manifest, |path| sketch.file(path));
        for family in Family::BOTH {
            for ip in oracle.addresses(family, 300, seed) {
                let decision = table.decide(ip);
                let found = (decision.footprint.to_string(), decision.mix.name.clone());
                prop_assert_eq!(found, oracle.answer(ip), "{}", ip);
            }
        }
    }
}
