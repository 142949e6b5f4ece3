//! Each kind of document: its schema, its reader, and one that has everything in it.

use croupier::table::problem::Severity;
use croupier::table::{Manifest, Overrides, Pointer, Problems, schema};
use jsonschema::Validator;
use serde_json::Value;

use crate::model::now;

pub struct Document {
    pub name: &'static str,
    /// With every key and every form that there is.
    pub full: &'static str,
    pub schema: Value,
    validator: Validator,
    parse: fn(&str, &mut Problems),
}

impl Document {
    fn new(name: &'static str, schema: schemars::Schema, full: &'static str, parse: fn(&str, &mut Problems)) -> Self {
        let schema = schema.to_value();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        Self { name, full, schema, validator, parse }
    }

    pub fn full(&self) -> Value {
        serde_json::from_str(self.full).expect("JSON")
    }

    /// What the schema has against a document.
    pub fn schema_errors(&self, document: &Value) -> Vec<String> {
        let error = |error: jsonschema::ValidationError| format!("{}: {error}", error.instance_path());
        self.validator.iter_errors(document).map(error).collect()
    }

    pub fn schema_takes(&self, document: &Value) -> bool {
        self.validator.is_valid(document)
    }

    /// What the reader has against it, each with what it says to do.
    pub fn reader_errors(&self, text: &str) -> Vec<String> {
        let mut problems = Problems::new();
        (self.parse)(text, &mut problems);
        let errors = problems.shown().into_iter().filter(|shown| shown.severity == Severity::Error);
        errors.map(|shown| format!("{}: {}", shown.message, shown.help.unwrap_or_default())).collect()
    }
}

pub fn all() -> [Document; 3] {
    [table(), overrides(), pointer()]
}

pub fn table() -> Document {
    Document::new("table", schema::of_table(), TABLE, |text, problems| {
        _ = Manifest::parse("table.json", text, problems);
    })
}

pub fn overrides() -> Document {
    Document::new("overrides", schema::of_overrides(), OVERRIDES, |text, problems| {
        _ = Overrides::parse("overrides.json", text, now(), problems);
    })
}

pub fn pointer() -> Document {
    Document::new("pointer", schema::of_pointer(), POINTER, |text, problems| {
        _ = Pointer::parse("pointer.json", text, problems);
    })
}

const TABLE: &str = r#"{
    "$schema": "schema/table.json",
    "version": "2026-11-21.1",
    "ttl": 300,
    "datasets": {
        "asn": ["asn.csv", { "path": "more.csv.gz", "sha256": "e7714b91e872e41acf0f06eaa1e32a71b10109a74999f01ce1fcfa225e43bef4" }],
        "countrycode": ["/data/country.mmdb"]
    },
    "cdns": { "alpha": { "url": "https://alpha.example/" }, "beta.2": { "url": "http://[2001:db8::1]:8080/x?y#z" } },
    "mixes": { "near": { "alpha": 80, "beta.2": 0 }, "far_1": { "alpha": 65535, "beta.2": 1 } },
    "footprints": [
        { "footprint-type": "ipv4cidr", "footprint-value": ["192.0.2.0/24", "0.0.0.0/0"], "mix": "near" },
        { "footprint-type": "ipv6cidr", "footprint-file": "prefixes.txt", "footprint-value": ["2001:db8::/32"], "mix": "far_1" },
        { "footprint-type": "asn", "footprint-value": ["as64500", "as0"], "mix": "near" },
        { "footprint-type": "countrycode", "footprint-value": ["gb", "FR"], "mix": "near" }
    ],
    "default": "far_1",
    "canaries": [{ "ip": "192.0.2.1", "mix": "near" }, { "ip": "::ffff:192.0.2.1", "mix": "near" }]
}"#;

const OVERRIDES: &str = r#"{
    "$schema": "schema/overrides.json",
    "overrides": [
        { "cdn": "alpha", "state": "down", "reason": "INC-123", "from": "2026-11-21T12:00:00Z", "until": "2026-11-21 23:00:00.25+01:00" },
        { "mix": "near", "weights": { "alpha": 0, "beta": 65535 }, "reason": "", "until": "2026-11-28t18:00:00z" }
    ]
}"#;

const POINTER: &str = r#"{
    "$schema": "schema/pointer.json",
    "pointer": 1,
    "version": "2026-11-21.1",
    "digest": "e7714b91e872e41acf0f06eaa1e32a71b10109a74999f01ce1fcfa225e43bef4",
    "prefix": "tables/..a/.b/c d/",
    "document": "cdn-table.json",
    "files": {
        "cdn-table.json": "0000000000000000000000000000000000000000000000000000000000000000",
        "prefixes/...on-net.txt": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    },
    "previous": "248a0b00ba4f0b4ed7c1b5f4c3e7f0a1d2c3b4a5968778695a4b3c2d1e0f1234",
    "published-at": "2026-11-21T23:00:00+01:00"
}"#;
