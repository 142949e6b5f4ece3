//! What came of an attempt, in the log.

use super::Subject;
use crate::outcome::{Outcome, Trigger, Verdict};
use crate::table::Summary;
use crate::table::problem::{OtherPlace, Severity, Shown};

pub fn tell<S: Subject>(trigger: &Trigger, outcome: &Outcome) {
    let what = S::NAME;
    log(&outcome.problems);
    let generation = outcome.generation.unwrap_or_default();
    for change in &outcome.changes {
        tracing::info!(what, "{change}");
    }
    match outcome.verdict {
        Verdict::Published => match &outcome.diff {
            Some(diff) => tracing::info!(what, %trigger, generation, change = %Summary::of(diff), "published anew"),
            None => tracing::info!(what, %trigger, generation, "published anew"),
        },
        Verdict::Unchanged => tracing::info!(what, %trigger, generation, "unchanged"),
        Verdict::Held => {
            tracing::warn!(what, %trigger, generation, "held since a rollback: not reloaded until someone asks");
        }
        Verdict::Postponed => {
            let seconds = outcome.retry_after.unwrap_or_default().as_secs_f64();
            tracing::warn!(what, %trigger, generation, seconds, "too soon after the last time: tried again later");
        }
        Verdict::Accepted => tracing::info!(what, %trigger, generation, "would be published"),
        Verdict::Refused => {
            let errors = outcome.errors();
            let change = outcome.diff.as_ref().map(|diff| Summary::of(diff).to_string());
            tracing::error!(what, %trigger, errors, change, "refused; what was in service before serves on");
        }
    }
}

/// Tells every problem in the log, each in its place, on one line.
pub fn log(problems: &[Shown]) {
    for problem in problems {
        let (line, help) = (problem.line(), problem.help.as_deref());
        let also = problem.also.as_ref().map(OtherPlace::line);
        match problem.severity {
            Severity::Error => tracing::error!(also, help, "{line}"),
            Severity::Warning => tracing::warn!(also, help, "{line}"),
        }
    }
}
