//! The probe's rounds: once a second, everything that must be true for the process to be of use.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::acceptor::Acceptor;
use super::report::{Check, Report, Status};
use crate::snapshot::{Reader, Snapshot};
use crate::telemetry;

const ROUND: Duration = Duration::from_secs(1);

/// From here on an expiry is warned about.
const NOTICE: Duration = Duration::from_hours(24);

/// What is looked at.
pub struct Subjects {
    pub tables: Reader,
    pub acceptors: Vec<Acceptor>,
    /// When the server's certificate chain ends.
    pub certificate_ends: SystemTime,
    /// Why the last reload of the table failed, while that is so.
    pub reload_error: Arc<ArcSwapOption<String>>,
}

/// Looks, and keeps the latest results.
pub struct Monitor {
    subjects: Subjects,
    latest: Arc<ArcSwap<Report>>,
}

impl Monitor {
    /// Red until the first round is over: nothing has been looked at.
    pub fn new(subjects: Subjects) -> (Self, Arc<ArcSwap<Report>>) {
        let nothing = Report { made: Instant::now(), checks: vec![Check::fail("probe", "not yet looked")] };
        let latest = Arc::new(ArcSwap::from_pointee(nothing));
        (Self { subjects, latest: Arc::clone(&latest) }, latest)
    }

    /// Goes round until the thread ends.
    pub async fn run(self) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.round().await;
            telemetry::upkeep();
        }
    }

    async fn round(&self) {
        let subjects = &self.subjects;
        let mut checks = vec![
            canaries(&subjects.tables.load()),
            certificate(subjects.certificate_ends, SystemTime::now()),
            reload(subjects.reload_error.load().as_deref()),
        ];
        for acceptor in &subjects.acceptors {
            checks.push(acceptor.look().await);
        }
        self.tell(&checks);
        self.latest.store(Arc::new(Report { made: Instant::now(), checks }));
    }

    /// Counts every result; logs those that are new.
    fn tell(&self, checks: &[Check]) {
        let before = self.latest.load();
        for check in checks {
            telemetry::health(check.name, check.status != Status::Fail);
            let known = before.checks.iter().any(|old| old.name == check.name && old.status == check.status);
            let (check_name, output) = (check.name, check.output.as_deref().unwrap_or_default());
            match check.status {
                _ if known => {}
                Status::Pass => tracing::info!(check = check_name, "health: passes"),
                Status::Warn => tracing::warn!(check = check_name, output, "health: warns"),
                Status::Fail => tracing::error!(check = check_name, output, "health: fails"),
            }
        }
    }
}

fn canaries(snapshot: &Snapshot) -> Check {
    const NAME: &str = "canaries";
    match snapshot.table.failing_canaries().next() {
        None => Check::pass(NAME),
        Some((canary, decision)) => {
            let subnet = telemetry::subnet(canary.address);
            let mix = &decision.mix.name;
            Check::fail(NAME, format!("the canary in {subnet} gets mix `{mix}`, which is not the one it should"))
        }
    }
}

fn certificate(ends: SystemTime, now: SystemTime) -> Check {
    const NAME: &str = "certificate";
    telemetry::expiry("server_certificate", ends);
    let when = OffsetDateTime::from(ends).format(&Rfc3339).unwrap_or_default();
    match ends.duration_since(now) {
        Err(_) => Check::fail(NAME, format!("the server's certificate expired at {when}")),
        Ok(left) if left < NOTICE => Check::warn(NAME, format!("the server's certificate expires at {when}")),
        Ok(_) => Check::pass(NAME),
    }
}

fn reload(error: Option<&String>) -> Check {
    const NAME: &str = "reload";
    match error {
        None => Check::pass(NAME),
        Some(error) => Check::warn(NAME, format!("the last reload failed, the table before it serves on: {error}")),
    }
}
