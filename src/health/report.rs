//! The results of one round of checks, as `application/health+json`.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Results older than this say nothing about now.
pub const STALE: Duration = Duration::from_secs(5);

/// Worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pass,
    /// Serving, but someone should look.
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    #[serde(skip)]
    pub name: &'static str,
    pub status: Status,
    /// Why it is not `pass`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

impl Check {
    pub fn pass(name: &'static str) -> Self {
        Self { name, status: Status::Pass, output: None }
    }

    pub fn warn(name: &'static str, output: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, output: Some(output.into()) }
    }

    pub fn fail(name: &'static str, output: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, output: Some(output.into()) }
    }

    pub fn from_result(name: &'static str, result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::pass(name),
            Err(output) => Self::fail(name, output),
        }
    }
}

/// All checks of one round.
#[derive(Debug, Clone)]
pub struct Report {
    /// None if nothing has been looked at yet.
    pub made: Option<Instant>,
    pub checks: Vec<Check>,
}

impl Report {
    /// The latest round and what the moment adds, as the checks to be shown.
    pub fn as_of(&self, now: Instant, leaving: bool) -> Vec<Check> {
        let mut checks = self.checks.clone();
        checks.push(Check::from_result("probe", self.is_fresh(now)));
        // Only then: load balancers tell by its name who drains from who is ill.
        if leaving {
            checks.push(Check::fail("drain", "the process is draining"));
        }
        checks
    }

    fn is_fresh(&self, now: Instant) -> Result<(), String> {
        let made = self.made.ok_or("not yet looked")?;
        let age = now.saturating_duration_since(made);
        if age > STALE {
            return Err(format!("the last results are {:.0} s old: the probe is stuck", age.as_secs_f64()));
        }
        Ok(())
    }
}

/// The worst of the checks.
pub fn overall(checks: &[Check]) -> Status {
    checks.iter().map(|check| check.status).max().unwrap_or(Status::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_check_decides() {
        let made = Instant::now();
        let report = Report { made: Some(made), checks: vec![Check::pass("a"), Check::warn("b", "look")] };
        assert_eq!(overall(&report.as_of(made, false)), Status::Warn);
        assert_eq!(overall(&report.as_of(made, true)), Status::Fail);
    }

    #[test]
    fn old_results_are_no_results() {
        let made = Instant::now();
        let report = Report { made: Some(made), checks: vec![Check::pass("a")] };
        assert_eq!(overall(&report.as_of(made + Duration::from_secs(5), false)), Status::Pass);
        assert_eq!(overall(&report.as_of(made + Duration::from_secs(6), false)), Status::Fail);
    }

    #[test]
    fn red_until_something_was_looked_at() {
        let report = Report { made: None, checks: Vec::new() };
        assert_eq!(overall(&report.as_of(Instant::now(), false)), Status::Fail);
    }
}
