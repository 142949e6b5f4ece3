//! An attempt to change what is in service: who made it, and what came of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::table::Diff;
use crate::table::problem::{Severity, Shown};

/// Why something is reloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// The process begins.
    Start,
    Signal,
    FileChange,
    /// A store was asked whether something is new.
    Poll,
    /// The last one was refused, or had to wait.
    Retry,
    /// The time that an override begins or ends at.
    Time,
    /// By a client of the admin listener, of this name.
    Admin(String),
    /// The same, and whatever the guards say.
    Forced(String),
}

impl Trigger {
    /// Whether somebody asked for it.
    pub fn is_asked(&self) -> bool {
        matches!(self, Self::Signal | Self::Admin(_) | Self::Forced(_))
    }

    pub fn is_forced(&self) -> bool {
        matches!(self, Self::Forced(_))
    }

    /// Without who asked.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Signal => "signal",
            Self::FileChange => "file change",
            Self::Poll => "poll",
            Self::Retry => "retry",
            Self::Time => "time",
            Self::Admin(_) | Self::Forced(_) => "admin",
        }
    }

    /// Who asked, by the name in the certificate.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Admin(name) | Self::Forced(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        self.by().map_or(Ok(()), |name| write!(f, " {name}"))?;
        if self.is_forced() { f.write_str(", forced") } else { Ok(()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Published,
    /// What is in service is what the files say.
    Unchanged,
    /// What is in service is held by someone, and nobody asked to end that.
    Held,
    /// It is too soon after the last time.
    Postponed,
    /// It would be published; this was to find out.
    Accepted,
    /// What is in service stays. At least one problem is an error.
    Refused,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unchanged => "unchanged",
            Self::Held => "held",
            Self::Postponed => "postponed",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }

    /// The label in metrics.
    pub fn label(self) -> &'static str {
        if self == Self::Refused { "failed" } else { self.name() }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Of what is in service after it. None only if the attempt broke off.
    pub generation: Option<u64>,
    pub problems: Vec<Shown>,
    /// What was to be put into service.
    pub candidate: Candidate,
    /// What it changes, or would, against what was in service.
    pub diff: Option<Arc<Diff>>,
    /// What else it changes, a sentence each.
    pub changes: Vec<String>,
    /// Tried again this much later, whether or not anything has changed by then.
    pub retry_after: Option<Duration>,
}

/// As far as it could be made out.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    /// Where it came from.
    pub source: Option<String>,
    pub version: Option<String>,
    pub digest: Option<String>,
}

impl Outcome {
    pub fn new(verdict: Verdict, generation: u64, problems: Vec<Shown>) -> Self {
        let candidate = Candidate::default();
        Self {
            verdict,
            generation: Some(generation),
            problems,
            candidate,
            diff: None,
            changes: Vec::new(),
            retry_after: None,
        }
    }

    /// A panic.
    pub fn broken_off(retry_after: Duration) -> Self {
        Self { generation: None, retry_after: Some(retry_after), ..Self::new(Verdict::Refused, 0, Vec::new()) }
    }

    /// Why it was refused: the first error.
    pub fn reason(&self) -> Option<String> {
        (self.verdict == Verdict::Refused).then(|| reason(&self.problems))
    }

    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }
}

/// The first error.
pub fn reason(problems: &[Shown]) -> String {
    let first = problems.iter().find(|problem| problem.severity == Severity::Error);
    first.map_or_else(|| "the reload broke off: see the log".to_owned(), ToString::to_string)
}
