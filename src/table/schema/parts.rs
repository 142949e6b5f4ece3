//! What several documents have in common.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::{alone, patterns};

/// The name of a CDN or a mix: 1 to 64 of `a-z A-Z 0-9 . _ -`.
#[derive(JsonSchema)]
#[schemars(inline, extend(
    "pattern" = patterns::NAME,
    "patternErrorMessage" = "write 1 to 64 of a-z A-Z 0-9 . _ -",
))]
pub struct Name(pub String);

/// A CDN's share of a mix, in relation to the weights of the others: 0 to 65535. 0 means only as a
/// fallback: listed after all the others.
#[derive(JsonSchema)]
#[schemars(inline)]
pub struct Weight(#[schemars(range(min = 0, max = 65535))] pub u64);

/// CDNs by name, each with its weight. At least one weight is above 0.
#[derive(JsonSchema)]
#[schemars(inline, extend(
    "propertyNames" = alone::<Name>(),
    "minProperties" = 1,
    "not" = json!({ "additionalProperties": { "const": 0 } }),
    "errorMessage" = "give at least one CDN a weight from 1 to 65535",
    "examples" = [json!({ "bidi": 80, "akamai": 15, "cloudfront": 5 })],
))]
pub struct Weights(pub BTreeMap<String, Weight>);

/// SHA-256 of a file's bytes: 64 hexadecimal digits, as `sha256sum` prints them.
#[derive(JsonSchema)]
#[schemars(inline, extend(
    "pattern" = patterns::SHA256,
    "patternErrorMessage" = "write 64 hexadecimal digits, as `sha256sum` prints them",
))]
pub struct Sha256(pub String);

/// Date, time and offset (RFC 3339).
#[derive(JsonSchema)]
#[schemars(inline, extend(
    "pattern" = patterns::MOMENT,
    "patternErrorMessage" = "write date, time and offset, as in 2026-11-21T23:00:00Z",
    "examples" = ["2026-11-21T23:00:00Z", "2026-11-22T00:00:00+01:00"],
))]
pub struct Moment(pub String);
