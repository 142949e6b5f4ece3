//! What the service answers, as far as it is shown. A member that is missing is not shown; one that is
//! unknown is passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::table::problem::{Severity, Shown};

/// What came of one subject of a reload: table, trust or overrides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reloaded {
    pub result: String,
    pub generation: Option<u64>,
    pub problems: Vec<Shown>,
    /// What a [`Diff`](crate::table::Diff) serializes to.
    pub diff: Option<Value>,
}

impl Reloaded {
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// The version that it is about, if its diff tells.
    pub fn version(&self, side: &str) -> Option<&str> {
        self.diff.as_ref()?[side]["version"].as_str()
    }
}

/// An attempt to have something else in service.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Attempt {
    pub at: String,
    pub what: String,
    pub trigger: Option<String>,
    pub by: Option<String>,
    pub action: Option<String>,
    pub forced: bool,
    pub result: String,
    pub generation: Option<u64>,
    pub version: Option<String>,
    pub reason: Option<String>,
    pub errors: Option<u64>,
    pub changes: Vec<String>,
    pub diff: Option<Moves>,
}

/// Shares of each family's space.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Moves {
    pub ipv4: Moved,
    pub ipv6: Moved,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Moved {
    pub share: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    pub version: String,
    pub commit: String,
    pub started_at: String,
    pub table: Table,
    pub trust: Subject,
    pub overrides: Overrides,
    pub config: Subject,
    pub health: Health,
    pub history: Vec<Attempt>,
}

/// What is in service. The answer to `GET /table`, too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Table {
    pub version: String,
    pub generation: u64,
    pub digest: String,
    pub counts: BTreeMap<String, u64>,
    pub loaded_at: String,
    pub source: String,
    pub held: bool,
    pub last_error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Subject {
    pub generation: Option<u64>,
    pub last_error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Overrides {
    pub in_force: Vec<Override>,
    pub scheduled: Vec<Override>,
    pub ignored: Vec<Override>,
    pub last_error: Option<String>,
}

/// Of a CDN's state, or of a mix's weights.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Override {
    pub cdn: Option<String>,
    pub state: Option<String>,
    pub mix: Option<String>,
    pub weights: BTreeMap<String, u64>,
    pub reason: Option<String>,
    pub from: Option<String>,
    pub until: Option<String>,
    /// Why it is ignored.
    pub why: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Health {
    pub status: String,
    pub checks: BTreeMap<String, Vec<Check>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Check {
    pub status: String,
    pub output: Option<String>,
}
