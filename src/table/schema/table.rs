//! A CDN table as written.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::parts::{Name, Sha256, Weights};
use super::{alone, patterns};
use crate::table::document::{LONGEST_TTL, VERSION_LENGTH};
use crate::table::footprint::FootprintType;

/// Which CDN, in what order, for a client address: CDNs, mixes of them, and the footprints that get each mix.
/// `croupier check --table FILE` tells what a schema can't see: names that are not there, files, contradictions.
#[derive(JsonSchema)]
#[schemars(
    title = "Croupier's CDN table",
    deny_unknown_fields,
    transform = needs_datasets,
    extend("$id" = "https://croupier.example/schema/table-1.json"),
    extend("examples" = [example()]),
)]
pub struct CdnTable {
    /// Where an editor finds the schema of this document.
    #[schemars(rename = "$schema")]
    pub schema: Option<String>,
    /// For people to tell tables apart: free text, up to 128 characters. Answers, logs and metrics carry it.
    #[schemars(length(max = VERSION_LENGTH), extend(
        "pattern" = patterns::WORDS,
        "patternErrorMessage" = "write it without line breaks and other control characters",
        "examples" = ["2026-11-21.1"],
    ))]
    pub version: String,
    /// Seconds for which an answer may be kept: 0 to 86400.
    #[schemars(range(max = LONGEST_TTL), extend("examples" = [300]))]
    pub ttl: u64,
    /// Files of address ranges, needed for footprints of type `asn` and `countrycode`: CSV with a header row and
    /// inclusive ranges, plain or `.gz`, or MaxMind `.mmdb`.
    pub datasets: Option<Datasets>,
    /// CDNs by name. At least one.
    #[schemars(extend("propertyNames" = alone::<Name>(), "minProperties" = 1))]
    pub cdns: BTreeMap<String, Cdn>,
    /// Mixes by name: CDNs of `cdns`, each with its weight. At least one.
    #[schemars(extend("propertyNames" = alone::<Name>(), "minProperties" = 1))]
    pub mixes: BTreeMap<String, Weights>,
    /// Who gets which mix. A CIDR beats an ASN, an ASN a country, and all beat the default; between CIDRs the longest
    /// prefix wins. The order here does not matter.
    pub footprints: Vec<Footprint>,
    /// The mix of everyone else: one of `mixes`.
    #[schemars(extend("examples" = ["world"]))]
    pub default: Name,
    /// Addresses whose mix is known, before overrides. A table that fails its own canaries is not published.
    #[schemars(extend("default" = json!([])))]
    pub canaries: Option<Vec<Canary>>,
}

#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct Datasets {
    /// AS numbers: `start,end,asn`.
    #[schemars(extend("default" = json!([]), "examples" = [["asn-ipv4.csv.gz", "asn-ipv6.csv.gz"]]))]
    pub asn: Option<Vec<File>>,
    /// Countries: `start,end,country`.
    #[schemars(extend("default" = json!([]), "examples" = [["country-ipv4.csv.gz", "country-ipv6.csv.gz"]]))]
    pub countrycode: Option<Vec<File>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Cdn {
    /// Where clients find the CDN: an absolute http(s) URL.
    #[schemars(extend(
        "pattern" = patterns::URL,
        "patternErrorMessage" = "write it whole, as in https://cdn.example/",
        "examples" = ["https://vod-ak.example/"],
    ))]
    pub url: String,
}

/// A file: its path, or its path and digest.
#[derive(JsonSchema)]
#[schemars(inline, untagged)]
pub enum File {
    Path(FilePath),
    Pinned(PinnedFile),
}

/// A file that must have this digest.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PinnedFile {
    pub path: FilePath,
    pub sha256: Sha256,
}

/// Relative to the table, or absolute.
#[derive(JsonSchema)]
#[schemars(inline, extend("minLength" = 1, "pattern" = patterns::PATH))]
pub struct FilePath(pub String);

/// Clients and their mix (CDNI: RFC 8006, section 4.2.2.1). Values stand here, in a file, or both.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "kebab-case", transform = values_by_type, extend(
    "examples" = [
        json!({ "footprint-type": "ipv4cidr", "footprint-value": ["192.0.2.0/24"], "mix": "on-net" }),
        json!({ "footprint-type": "ipv6cidr", "footprint-file": "prefixes/on-net-v6.txt", "mix": "on-net" }),
        json!({ "footprint-type": "asn", "footprint-value": ["as2856", "as5607"], "mix": "on-net" }),
        json!({ "footprint-type": "countrycode", "footprint-value": ["gb"], "mix": "uk" }),
    ],
))]
pub struct Footprint {
    pub footprint_type: Kind,
    /// Values of the type.
    pub footprint_value: Option<Vec<String>>,
    /// More values, one a line. A line that starts with `#` is a comment; the last line ends in a newline.
    pub footprint_file: Option<File>,
    /// What these clients get: one of `mixes`.
    #[schemars(extend("examples" = ["on-net"]))]
    pub mix: Name,
}

/// What the values are.
#[derive(JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
pub enum Kind {
    /// IPv4 prefixes.
    Ipv4Cidr,
    /// IPv6 prefixes.
    Ipv6Cidr,
    /// Autonomous systems. Needs a dataset.
    Asn,
    /// Countries. Needs a dataset.
    CountryCode,
}

/// An IPv4 prefix, without host bits (RFC 8006, section 4.3.5).
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = patterns::ipv4_cidr(),
    "patternErrorMessage" = "write an IPv4 prefix, as in 192.0.2.0/24",
    "examples" = ["192.0.2.0/24"],
))]
pub struct Ipv4Cidr(pub String);

/// An IPv6 prefix, without host bits (RFC 8006, section 4.3.6). Never an IPv4-mapped one.
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = patterns::ipv6_cidr(),
    "patternErrorMessage" = "write an IPv6 prefix, as in 2001:db8::/32",
    "examples" = ["2001:db8::/32"],
))]
pub struct Ipv6Cidr(pub String);

/// `as` and the number of an autonomous system, without leading zeros (RFC 8006, section 4.3.7).
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = patterns::ASN,
    "patternErrorMessage" = "write `as` and a number from 0 to 4294967295, without leading zeros, as in as2856",
    "examples" = ["as2856"],
))]
pub struct Asn(pub String);

/// The two letters of a country in ISO 3166-1, in any case (RFC 8006, section 4.3.8).
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = patterns::COUNTRY_CODE,
    "patternErrorMessage" = "write the two letters of ISO 3166-1, as in gb",
    "examples" = ["gb"],
))]
pub struct CountryCode(pub String);

/// An address and the mix that it must get by the table alone.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Canary {
    /// IPv4 or IPv6, without a zone.
    #[schemars(extend(
        "pattern" = patterns::address(),
        "patternErrorMessage" = "write an IPv4 or IPv6 address, as in 192.0.2.1 or 2001:db8::1",
        "examples" = ["192.0.2.1", "2001:db8::1"],
    ))]
    pub ip: String,
    /// One of `mixes`.
    #[schemars(extend("examples" = ["on-net"]))]
    pub mix: Name,
}

fn values_by_type(schema: &mut Schema) {
    let by_type = FootprintType::ALL.map(|kind| {
        json!({
            "if": of_type(kind),
            "then": { "properties": { "footprint-value": { "items": value(kind) } } },
        })
    });
    schema.insert("allOf".to_owned(), json!(by_type));
    let somewhere = json!([{ "required": ["footprint-value"] }, { "required": ["footprint-file"] }]);
    schema.insert("anyOf".to_owned(), somewhere);
}

fn value(kind: FootprintType) -> Schema {
    match kind {
        FootprintType::Ipv4Cidr => alone::<Ipv4Cidr>(),
        FootprintType::Ipv6Cidr => alone::<Ipv6Cidr>(),
        FootprintType::Asn => alone::<Asn>(),
        FootprintType::CountryCode => alone::<CountryCode>(),
    }
}

fn needs_datasets(schema: &mut Schema) {
    let needed = [FootprintType::Asn, FootprintType::CountryCode].map(|kind| {
        let name = kind.name();
        json!({
            "if": { "required": ["footprints"], "properties": { "footprints": { "contains": of_type(kind) } } },
            "then": {
                "required": ["datasets"],
                "properties": { "datasets": { "required": [name], "properties": { name: { "minItems": 1 } } } },
            },
        })
    });
    schema.insert("allOf".to_owned(), json!(needed));
}

fn of_type(kind: FootprintType) -> Value {
    json!({ "type": "object", "required": ["footprint-type"], "properties": { "footprint-type": { "const": kind.name() } } })
}

fn example() -> Value {
    json!({
        "version": "2026-11-21.1",
        "ttl": 300,
        "cdns": { "bidi": { "url": "https://vod-bidi.example/" }, "akamai": { "url": "https://vod-ak.example/" } },
        "mixes": { "on-net": { "bidi": 80, "akamai": 20 }, "world": { "akamai": 100, "bidi": 0 } },
        "footprints": [{ "footprint-type": "ipv4cidr", "footprint-value": ["192.0.2.0/24"], "mix": "on-net" }],
        "default": "world",
        "canaries": [{ "ip": "192.0.2.1", "mix": "on-net" }],
    })
}
