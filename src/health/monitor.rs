//! The probe's rounds: once a second, everything that must be true for the process to be of use.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::acceptor::Acceptor;
use super::report::{Check, Report, Status};
use crate::client::{Authority, Expiry};
use crate::phase::{Phase, PhaseWatch, reached};
use crate::snapshot::{Reader, Snapshot};
use crate::supervisor::Watchdog;
use crate::table::moment::written;
use crate::telemetry;
use crate::worker::LastError;

const ROUND: Duration = Duration::from_secs(1);

/// From here on an expiry is warned about.
const NOTICE: Duration = Duration::from_hours(24);

/// What is looked at.
pub struct Subjects {
    pub tables: Reader,
    pub acceptors: Vec<Acceptor>,
    pub authority: Arc<dyn Authority>,
    pub live: Live,
    /// Where handshakes are computed.
    pub handshakes: Handle,
}

/// What is known at any moment, without a look: who has just mended something must not be told otherwise.
#[derive(Clone)]
pub struct Live {
    pub tables: Reader,
    /// Why the configuration was refused on the last SIGHUP, if it was.
    pub config_error: LastError,
    /// Why the last reload of the table failed, while that is so.
    pub table_error: LastError,
    /// The same of trust.
    pub trust_error: LastError,
    /// The same of overrides.
    pub overrides_error: LastError,
}

impl Live {
    pub fn checks(&self) -> Vec<Check> {
        vec![
            overrides(&self.tables.load()),
            reload("config", "the configuration before it is in force", &self.config_error),
            reload("overrides_reload", "those before it stay in force", &self.overrides_error),
            reload("reload", "the table before it serves on", &self.table_error),
            reload("trust_reload", "what was trusted before still is, and revocations wait", &self.trust_error),
        ]
    }
}

/// Looks, and keeps the latest results.
pub struct Monitor {
    subjects: Subjects,
    /// Those of the last round, and what was known then.
    told: Vec<Check>,
    latest: Arc<ArcSwap<Report>>,
}

impl Monitor {
    /// Red until the first round is over: nothing has been looked at.
    pub fn new(subjects: Subjects) -> (Self, Arc<ArcSwap<Report>>) {
        let latest = Arc::new(ArcSwap::from_pointee(Report { made: None, checks: Vec::new() }));
        (Self { subjects, told: Vec::new(), latest: Arc::clone(&latest) }, latest)
    }

    /// Goes round until the thread ends. Nothing is looked at any more once the process stops: it is red then, and that
    /// it takes no connections is news to nobody.
    pub async fn run(mut self, mut phase: PhaseWatch) {
        let mut rounds = tokio::time::interval(ROUND);
        let watchdog = Watchdog::find();
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            tokio::select! {
                biased;
                () = reached(&mut phase, Phase::Stopping) => {}
                () = self.round() => {}
            }
            watchdog.reassure();
        }
    }

    async fn round(&mut self) {
        let subjects = &self.subjects;
        let credentials = subjects.authority.credentials();
        let now = SystemTime::now();
        let mut checks = vec![
            canaries(&subjects.tables.load()),
            certificate(credentials.certificate_ends, now),
            expiry(&credentials.expiries, now),
        ];
        checks.push(handshakes(&subjects.handshakes).await);
        for acceptor in &subjects.acceptors {
            checks.push(acceptor.look().await);
        }
        let all = [checks.clone(), subjects.live.checks()].concat();
        self.tell(&all);
        self.told = all;
        self.latest.store(Arc::new(Report { made: Some(Instant::now()), checks }));
    }

    /// Logs the results that are new.
    fn tell(&self, checks: &[Check]) {
        for check in checks {
            // A warning of another kind is news; a failure may word itself differently each time.
            let is_known = |old: &Check| {
                let same_output = check.status != Status::Warn || old.output == check.output;
                old.name == check.name && old.status == check.status && same_output
            };
            let known = self.told.iter().any(is_known);
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

/// Mixes of which every CDN is switched off.
fn overrides(snapshot: &Snapshot) -> Check {
    const NAME: &str = "overrides";
    let told: Vec<String> = snapshot.effective.all_down.iter().map(ToString::to_string).collect();
    if told.is_empty() { Check::pass(NAME) } else { Check::warn(NAME, told.join("; ")) }
}

fn certificate(ends: SystemTime, now: SystemTime) -> Check {
    const NAME: &str = "certificate";
    let when = written(ends);
    match ends.duration_since(now) {
        Err(_) => Check::fail(NAME, format!("the server's certificate expired at {when}")),
        Ok(left) if left < NOTICE => Check::warn(NAME, format!("the server's certificate expires at {when}")),
        Ok(_) => Check::pass(NAME),
    }
}

/// Whether the threads for handshakes turn over. In a storm they may not, for a while: a warning, since open
/// connections are answered all the same, and turning clients away would make them come back.
async fn handshakes(threads: &Handle) -> Check {
    const NAME: &str = "handshakes";
    match tokio::time::timeout(ROUND, threads.spawn(async {})).await {
        Ok(_) => Check::pass(NAME),
        Err(_) => Check::warn(NAME, "new connections wait for over a second until their handshake begins"),
    }
}

/// Everything else that runs out. What has run out refuses some clients, not all: a warning still.
fn expiry(expiries: &[Expiry], now: SystemTime) -> Check {
    const NAME: &str = "expiry";
    let told = |Expiry { what, ends }: &Expiry| match ends.duration_since(now) {
        Err(_) => Some(format!("{what} ran out at {}", written(*ends))),
        Ok(left) if left < NOTICE => Some(format!("{what} runs out at {}", written(*ends))),
        Ok(_) => None,
    };
    let ending: Vec<String> = expiries.iter().filter_map(told).collect();
    if ending.is_empty() { Check::pass(NAME) } else { Check::warn(NAME, ending.join("; ")) }
}

fn reload(name: &'static str, meanwhile: &str, error: &LastError) -> Check {
    match error.load().as_deref() {
        None => Check::pass(name),
        Some(error) => Check::warn(name, format!("the last reload failed, {meanwhile}: {error}")),
    }
}
