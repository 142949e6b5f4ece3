//! The thread that reloads: it waits for a trigger or a changed file, loads, and publishes.
//!
//! Files are watched by looking at their stamps. That sees renames, symlinks swapped anywhere on
//! the way (`..data` in a Kubernetes `ConfigMap`) and network file systems alike, costs a handful of
//! `stat` calls a second, and needs no kernel limits raised. A change is acted on once nothing has
//! changed for one look, so that files changed together are loaded together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};
use thread_priority::{ThreadBuilder, ThreadPriority};

use super::load::{Watched, gather};
use crate::snapshot::Publisher;
use crate::table::problem::{Severity, Shown};
use crate::telemetry;

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_millis(250);

/// A file that keeps changing is loaded all the same after this long.
const LONGEST_SETTLING: Duration = Duration::from_secs(10);

/// Why a reload happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    Signal,
    FileChange,
}

impl Trigger {
    fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::FileChange => "file change",
        }
    }
}

/// Where the table comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub path: PathBuf,
    /// Bytes that the table may have with all its files.
    pub limit: u64,
}

/// Why the last reload failed; empty while the table in service is the one in the files.
pub type LastError = Arc<ArcSwapOption<String>>;

/// How others ask for a reload. Asking a thousand times at once costs one or two.
#[derive(Clone)]
pub struct Handle {
    requests: Sender<Request>,
    pub last_error: LastError,
}

enum Request {
    Reload(Trigger),
    Settings(Settings),
    Stop,
}

impl Handle {
    pub fn reload(&self, trigger: Trigger) {
        // Fails only when the thread is gone, as in the last moment of a drain.
        _ = self.requests.send(Request::Reload(trigger));
    }

    /// No reload begins after this.
    pub fn stop(&self) {
        _ = self.requests.send(Request::Stop);
    }

    /// Loads from elsewhere from now on. Wants a [`reload`](Self::reload) after it.
    pub fn settings(&self, settings: Settings) {
        _ = self.requests.send(Request::Settings(settings));
    }
}

/// Starts the thread. `files` are those that the published table was made of.
///
/// # Errors
/// If no thread can be started.
pub fn start(publisher: Publisher, settings: Settings, files: Vec<Watched>) -> std::io::Result<Handle> {
    let (requests, received) = channel();
    let last_error = LastError::default();
    let worker = Worker { publisher, settings, files, last_error: Arc::clone(&last_error) };
    ThreadBuilder::default()
        .name("reload")
        .priority(ThreadPriority::Min)
        .policy(ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle))
        .spawn(move |idle| {
            if let Err(error) = idle {
                tracing::warn!(?error, "the reload thread runs at normal priority");
            }
            worker.run(&received);
        })?;
    Ok(Handle { requests, last_error })
}

struct Worker {
    publisher: Publisher,
    settings: Settings,
    files: Vec<Watched>,
    last_error: LastError,
}

impl Worker {
    /// Ends when told to stop, or when every [`Handle`] is gone.
    fn run(mut self, received: &Receiver<Request>) {
        loop {
            match received.recv_timeout(LOOK) {
                Ok(request) => {
                    // All that has been asked meanwhile is answered by one reload.
                    let requests: Vec<Request> = std::iter::once(request).chain(received.try_iter()).collect();
                    let mut wanted = None;
                    for request in requests {
                        match request {
                            Request::Reload(trigger) => wanted = Some(trigger),
                            Request::Settings(settings) => self.settings = settings,
                            Request::Stop => return,
                        }
                    }
                    if let Some(trigger) = wanted {
                        self.try_reload(trigger);
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.changed() => {
                    self.settle();
                    self.try_reload(Trigger::FileChange);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn changed(&self) -> bool {
        self.look() != self.files
    }

    fn look(&self) -> Vec<Watched> {
        self.files.iter().map(|file| Watched::now(file.path.clone())).collect()
    }

    /// Waits until two looks see the same.
    fn settle(&self) {
        let begun = Instant::now();
        let mut before = self.look();
        while begun.elapsed() < LONGEST_SETTLING {
            std::thread::sleep(LOOK);
            let now = self.look();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// A panic is a failed reload, not the end of all reloads.
    fn try_reload(&mut self, trigger: Trigger) {
        if catch_unwind(AssertUnwindSafe(|| self.reload(trigger))).is_err() {
            self.failed("the reload broke off: see the log".to_owned());
        }
    }

    fn reload(&mut self, trigger: Trigger) {
        let begun = Instant::now();
        let trigger = trigger.name();
        let gathered = gather(&self.settings.path, self.settings.limit);
        self.files.clone_from(&gathered.files);
        if !gathered.problems.has_errors() && gathered.digest() == self.publisher.digest() {
            self.succeeded("unchanged");
            tracing::info!(trigger, "the table is unchanged");
            return;
        }
        let (table, problems) = gathered.compile();
        let shown = problems.shown();
        log(&shown);
        match table {
            Some(table) => {
                let version = table.version.clone();
                let generation = self.publisher.publish(table, SystemTime::now());
                self.succeeded("published");
                let seconds = begun.elapsed().as_secs_f64();
                tracing::info!(trigger, generation, version, seconds, "published a new table");
            }
            None => {
                let first = shown.iter().find(|problem| problem.severity == Severity::Error);
                tracing::error!(trigger, errors = problems.errors(), "refused the new table; the old one serves on");
                self.failed(first.map(ToString::to_string).unwrap_or_default());
            }
        }
    }

    fn failed(&self, why: String) {
        telemetry::reload("table", "failed");
        self.last_error.store(Some(Arc::new(why)));
    }

    fn succeeded(&self, result: &'static str) {
        telemetry::reload("table", result);
        self.last_error.store(None);
    }
}

/// Tells every problem in the log, each in its place.
pub fn log(problems: &[Shown]) {
    for problem in problems {
        match problem.severity {
            Severity::Error => tracing::error!("{problem}"),
            Severity::Warning => tracing::warn!("{problem}"),
        }
    }
}
