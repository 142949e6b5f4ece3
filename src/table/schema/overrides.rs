//! A file of overrides as written.

use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::parts::{Moment, Name, Weights};
use super::patterns;
use crate::table::overrides::REASON_LENGTH;

/// What ops switch in an incident or plan for an event: CDNs that are down and mixes with other weights, each for
/// a time. The file stands beside the table and is no part of it. `croupier override` edits it.
#[derive(JsonSchema)]
#[schemars(
    title = "Croupier's overrides",
    deny_unknown_fields,
    extend("$id" = "https://croupier.example/schema/overrides-1.json"),
    extend("examples" = [example()]),
)]
pub struct OverridesFile {
    /// Where an editor finds the schema of this file.
    #[schemars(rename = "$schema")]
    pub schema: Option<String>,
    /// Two of the same CDN, or of the same mix, must not hold at one time.
    pub overrides: Vec<Override>,
}

/// Either `cdn` and `state`, or `mix` and `weights`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = either)]
pub struct Override {
    /// A CDN of the table. It is left out of every answer: its clients go to the others by weight, nobody else
    /// moves.
    #[schemars(extend("examples" = ["akamai"]))]
    pub cdn: Option<Name>,
    /// What the CDN is: `down`. It is up again once no override says that it is down.
    pub state: Option<State>,
    /// A mix of the table.
    #[schemars(extend("examples" = ["uk"]))]
    pub mix: Option<Name>,
    /// What the mix is for the time, whole: CDNs that are not here are left out.
    pub weights: Option<Weights>,
    /// For people: up to 256 characters, shown in status, logs and explanations.
    #[schemars(length(max = REASON_LENGTH), extend(
        "pattern" = patterns::WORDS,
        "patternErrorMessage" = "write it without line breaks and other control characters",
        "examples" = ["INC-123", "cup final"],
    ))]
    pub reason: Option<String>,
    /// The first moment at which it holds. From ever, if left out.
    pub from: Option<Moment>,
    /// The first moment at which it is over, after `from`. For ever, if left out.
    pub until: Option<Moment>,
}

#[derive(JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
pub enum State {
    Down,
}

fn either(schema: &mut Schema) {
    schema.insert("anyOf".to_owned(), json!([{ "required": ["cdn"] }, { "required": ["mix"] }]));
    let not_both = json!({
        "not": { "required": ["cdn", "mix"] },
        "errorMessage": "write either `cdn` and `state`, or `mix` and `weights`: two overrides if both are meant",
    });
    schema.insert("allOf".to_owned(), json!([not_both]));
    let beside = json!({ "cdn": ["state"], "state": ["cdn"], "mix": ["weights"], "weights": ["mix"] });
    schema.insert("dependentRequired".to_owned(), beside);
}

fn example() -> Value {
    json!({ "overrides": [
        { "cdn": "akamai", "state": "down", "reason": "INC-123", "until": "2026-11-21T23:00:00Z" },
        { "mix": "uk", "weights": { "bidi": 60, "akamai": 40 }, "reason": "cup final",
          "from": "2026-11-28T14:00:00Z", "until": "2026-11-28T18:00:00Z" },
    ] })
}
