//! A pointer as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::parts::Moment;
use super::{alone, patterns};
use crate::table::pointer::FORMAT;

/// Which table is the current one, and the SHA-256 of each of its files, which never change once they are
/// published. Programs write it.
#[derive(JsonSchema)]
#[schemars(
    title = "Croupier's pointer to a table",
    deny_unknown_fields,
    rename_all = "kebab-case",
    extend("$id" = "https://croupier.example/schema/pointer-1.json"),
    extend("examples" = [example()]),
)]
pub struct PointerFile {
    /// Where an editor finds the schema of this document.
    #[schemars(rename = "$schema")]
    pub schema: Option<String>,
    /// The format of this document: 1.
    #[schemars(extend("const" = FORMAT))]
    pub pointer: u64,
    /// The table's version.
    pub version: String,
    /// The table's digest.
    pub digest: Digest,
    /// Where the table's files are: a path relative to the pointer, without `..`, that ends in `/`.
    #[schemars(extend(
        "pattern" = patterns::prefix(),
        "patternErrorMessage" = "write a path relative to the pointer, without `..`, that ends in `/`",
        "examples" = ["tables/2026-11-21.1/"],
    ))]
    pub prefix: String,
    /// The table's document: one of `files`.
    pub document: RelativePath,
    /// The SHA-256 of each file of the table, by its path under the prefix.
    #[schemars(extend("propertyNames" = alone::<RelativePath>(), "minProperties" = 1))]
    pub files: BTreeMap<String, Digest>,
    /// The digest of the table that was current before.
    pub previous: Option<Digest>,
    /// When the pointer was moved to this table.
    pub published_at: Option<Moment>,
}

/// A SHA-256: 64 hexadecimal digits in lower case.
#[derive(JsonSchema)]
#[schemars(inline, extend(
    "pattern" = patterns::DIGEST,
    "patternErrorMessage" = "write a SHA-256 as 64 of 0-9 a-f",
))]
pub struct Digest(pub String);

/// A path under the prefix, without `..`.
#[derive(JsonSchema)]
#[schemars(inline, extend(
    "pattern" = patterns::relative_path(),
    "patternErrorMessage" = "write it relative to the prefix, without `..`",
    "examples" = ["cdn-table.json", "prefixes/on-net-v6.txt"],
))]
pub struct RelativePath(pub String);

fn example() -> Value {
    let digest = "e7714b91e872e41acf0f06eaa1e32a71b10109a74999f01ce1fcfa225e43bef4";
    json!({
        "pointer": FORMAT,
        "version": "2026-11-21.1",
        "digest": digest,
        "prefix": format!("tables/{digest}/"),
        "document": "cdn-table.json",
        "files": { "cdn-table.json": "248a0b00ba4f0b4ed7c1b5f4c3e7f0a1d2c3b4a5968778695a4b3c2d1e0f1234" },
        "published-at": "2026-11-21T23:00:00Z",
    })
}
