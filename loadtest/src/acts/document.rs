//! How a rehearsal is written down. Times are in seconds since 1970.

use serde::Deserialize;

use crate::load::events::{Event, Kind};
use crate::report::Report;
use crate::report::verdict::{Outcome, Verdict};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub title: String,
    /// What was rehearsed, and where: names and values.
    #[serde(default)]
    pub about: Vec<(String, String)>,
    pub acts: Vec<Act>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    pub title: String,
    /// What should come of it: sentences.
    #[serde(default)]
    pub promises: Vec<String>,
    pub verdict: Verdict,
    #[serde(default)]
    pub events: Vec<Happened>,
    /// What is judged goes first: its report's time is the act's.
    #[serde(default)]
    pub loads: Vec<Load>,
    #[serde(default)]
    pub series: Vec<Series>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    pub at: f64,
    pub kind: Kind,
    pub note: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Who asks.
    pub name: String,
    pub report: Report,
}

/// Other values over the time of an act's first load.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    pub title: String,
    /// A value that should not be passed, from whichever side.
    #[serde(default)]
    pub limit: Option<f64>,
    pub lines: Vec<SeriesLine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesLine {
    pub name: String,
    /// A time, and a value if there was one.
    pub points: Vec<(f64, Option<f64>)>,
}

impl Document {
    /// The worst of all acts': what was missed is worse than what was not measured.
    pub fn outcome(&self) -> Outcome {
        let has = |outcome| self.acts.iter().any(|act| act.verdict.outcome == outcome);
        [Outcome::Missed, Outcome::NotMeasured].into_iter().find(|outcome| has(*outcome)).unwrap_or(Outcome::Met)
    }

    /// Puts what happened in an act among the events of each of its loads, where the plots mark it.
    pub fn settle(&mut self) {
        for act in &mut self.acts {
            for Load { report, .. } in &mut act.loads {
                let event = |happened: &Happened| Event {
                    kind: happened.kind,
                    seconds: happened.at - report.began,
                    note: happened.note.clone(),
                    count: 1,
                };
                // What was before the load, or after it, is for the act's own list.
                let within =
                    act.events.iter().map(event).filter(|event| (0.0..=report.seconds).contains(&event.seconds));
                let within: Vec<_> = within.collect();
                report.events.extend(within);
                report.events.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(outcomes: &[&str]) -> Document {
        let act = |outcome: &&str| serde_json::json!({ "title": "an act", "verdict": { "outcome": outcome, "reasons": ["so"] } });
        let acts: Vec<_> = outcomes.iter().map(act).collect();
        serde_json::from_value(serde_json::json!({ "title": "a rehearsal", "acts": acts })).unwrap()
    }

    #[test]
    fn the_worst_act_is_the_outcome() {
        assert_eq!(document(&["met", "met"]).outcome(), Outcome::Met);
        assert_eq!(document(&["met", "not_measured"]).outcome(), Outcome::NotMeasured);
        assert_eq!(document(&["not_measured", "missed", "met"]).outcome(), Outcome::Missed);
    }
}
