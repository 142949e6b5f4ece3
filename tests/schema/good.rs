//! What the readers take, the schemas take.

use std::fs;

use croupier::table::{Overrides, Problems};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::Value;

use crate::samples::{Document, all, overrides, table};
use crate::{model, sketch, tables};

#[track_caller]
fn both_take(document: &Document, text: &str) {
    assert_eq!(document.reader_errors(text), [""; 0], "{text}");
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document.schema_errors(&value), [""; 0], "{text}");
}

/// As a provider of CDN tables would show it.
const TABLE: &str = r#"{
  "version": "2026-11-21.1",
  "ttl": 300,
  "datasets": {
    "asn":         ["asn-ipv4.csv.gz", "asn-ipv6.csv.gz"],
    "countrycode": ["country-ipv4.csv.gz", "country-ipv6.csv.gz"]
  },
  "cdns": {
    "bidi":       { "url": "https://vod-bidi.example/" },
    "akamai":     { "url": "https://vod-ak.example/" },
    "cloudfront": { "url": "https://vod-cf.example/" }
  },
  "mixes": {
    "on-net": { "bidi": 80, "akamai": 15, "cloudfront": 5 },
    "uk":     { "bidi": 30, "akamai": 50, "cloudfront": 20 },
    "world":  { "akamai": 60, "cloudfront": 40, "bidi": 0 }
  },
  "footprints": [
    { "footprint-type": "ipv4cidr",    "footprint-value": ["132.185.0.0/16"],   "mix": "on-net" },
    { "footprint-type": "ipv6cidr",    "footprint-file":  "prefixes/on-net-v6.txt", "mix": "on-net" },
    { "footprint-type": "asn",         "footprint-value": ["as2856", "as5607"], "mix": "on-net" },
    { "footprint-type": "countrycode", "footprint-value": ["gb"],               "mix": "uk" }
  ],
  "default": "world",
  "canaries": [ { "ip": "2.121.3.4", "mix": "on-net" }, { "ip": "2001:db8::1", "mix": "world" } ]
}"#;

/// The least that a table can be.
const SMALLEST: &str = r#"{ "version": "", "ttl": 0, "cdns": { "a": { "url": "http://a" } }, "mixes": { "m": { "a": 1 } },
  "footprints": [], "default": "m" }"#;

const OVERRIDES: &str = r#"{ "overrides": [
  { "cdn": "akamai", "state": "down", "reason": "INC-123", "until": "2026-11-21T23:00:00Z" },
  { "mix": "uk", "weights": { "bidi": 60, "akamai": 40 }, "reason": "cup final", "from": "2026-11-28T14:00:00Z", "until": "2026-11-28T18:00:00Z" } ] }"#;

#[test]
fn by_example() {
    both_take(&table(), TABLE);
    both_take(&table(), SMALLEST);
    both_take(&overrides(), OVERRIDES);
    both_take(&table(), &fs::read_to_string(tables::data().join("cdn-table.json")).unwrap());
    both_take(&table(), include_str!("../offline/tables/good.json"));
    both_take(&overrides(), r#"{ "overrides": [] }"#);
    for document in all() {
        both_take(&document, document.full);
    }
}

/// What stands in the README as JSON.
#[test]
fn as_documented() {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (mut tables, mut of_overrides) = (0, 0);
    for block in blocks {
        let Ok(value) = serde_json::from_str::<Value>(block) else { continue };
        if value.get("cdns").is_some() {
            both_take(&table(), block);
            tables += 1;
        } else if value.get("overrides").is_some() {
            both_take(&overrides(), block);
            of_overrides += 1;
        }
    }
    assert!(tables > 0 && of_overrides > 0);
}

/// All parts of a schema that show examples.
fn with_examples<'s>(value: &'s Value, found: &mut Vec<&'s Value>) {
    if value["examples"].is_array() {
        found.push(value);
    }
    match value {
        Value::Object(members) => {
            members.iter().filter(|(key, _)| *key != "examples").for_each(|(_, value)| with_examples(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| with_examples(value, found)),
        _ => {}
    }
}

#[test]
fn what_the_schemas_show_as_examples() {
    for document in all() {
        for example in document.schema["examples"].as_array().unwrap() {
            both_take(&document, &example.to_string());
        }
        let mut parts = Vec::new();
        with_examples(&document.schema, &mut parts);
        assert!(parts.len() > 3, "{}", document.name);
        for part in parts {
            let mut schema = part.clone();
            if let Some(definitions) = document.schema.get("$defs") {
                schema["$defs"] = definitions.clone();
            }
            let validator = jsonschema::validator_for(&schema).unwrap();
            for example in part["examples"].as_array().unwrap() {
                assert!(validator.is_valid(example), "{}: {example} in {part:#}", document.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 200,
        rng_seed: RngSeed::Fixed(29),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn drawn_tables(sketch in sketch::sketch(6)) {
        both_take(&table(), &sketch.manifest);
    }

    #[test]
    fn drawn_overrides(list in model::overrides(8)) {
        let text = model::written(&model::settled(list));
        let document = overrides();
        both_take(&document, &text);
        let parsed = Overrides::parse("o.json", &text, model::now(), &mut Problems::new()).unwrap();
        both_take(&document, &parsed.text_with(parsed.list()));
    }
}
