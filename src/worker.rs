//! A thread that keeps one subject up to date: it waits for a trigger or a changed file, and has
//! it reloaded.
//!
//! Files are watched by looking at their stamps. That sees renames, symlinks swapped anywhere on
//! the way (`..data` in a Kubernetes `ConfigMap`) and network file systems alike, costs a handful of
//! `stat` calls a second, and needs no kernel limits raised. A change is acted on once nothing has
//! changed for one look, so that files changed together are loaded together.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};
use thread_priority::{ThreadBuilder, ThreadPriority};
use tokio::sync::oneshot;

use crate::file::Watched;
use crate::table::problem::{Severity, Shown};
use crate::telemetry;

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_millis(250);

/// A file that keeps changing is loaded all the same after this long.
const LONGEST_SETTLING: Duration = Duration::from_secs(10);

/// What is kept up to date.
pub trait Subject: Send + 'static {
    /// The thread's name, and `what` in metrics and logs.
    const NAME: &'static str;

    /// Whether serving always comes first. Else it is loaded as soon as can be.
    const IS_IDLE: bool;

    /// After a refusal it is tried again this much later, whether or not a file has changed: the cause may
    /// pass by itself, as when descriptors had run out, or a list was made by a clock ahead of ours.
    const RETRY: Duration;

    type Settings: Send + 'static;

    /// What can be asked for beside a reload.
    type Command: Send + 'static;

    /// Loads by these settings from now on.
    fn configure(&mut self, settings: Self::Settings);

    /// The files of the last load, as they were.
    fn files(&self) -> &[Watched];

    /// Loads, checks, and publishes if it is good and new.
    fn reload(&mut self, trigger: &Trigger) -> Outcome;

    fn command(&mut self, command: Self::Command) -> Outcome;
}

/// What came of a reload.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// As this generation, with warnings.
    Published(u64, Vec<Shown>),
    /// What is in service, this generation, is what the files say.
    Unchanged(u64),
    /// What is in service, this generation, is held by someone, and nobody asked to end that.
    Held(u64),
    /// What is in service stays. At least one problem is an error.
    Refused(Vec<Shown>),
}

impl Outcome {
    /// The label in metrics.
    pub fn result(&self) -> &'static str {
        match self {
            Self::Published(..) => "published",
            Self::Unchanged(_) => "unchanged",
            Self::Held(_) => "held",
            Self::Refused(_) => "failed",
        }
    }

    /// Why it was refused: the first error.
    pub fn reason(&self) -> Option<String> {
        let Self::Refused(problems) = self else { return None };
        let first = problems.iter().find(|problem| problem.severity == Severity::Error);
        Some(first.map_or_else(|| "the reload broke off: see the log".to_owned(), ToString::to_string))
    }
}

/// Why a reload happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    Signal,
    FileChange,
    /// The last one was refused.
    Retry,
    /// By a client of the admin listener, of this name.
    Admin(String),
}

impl std::fmt::Display for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signal => f.write_str("signal"),
            Self::FileChange => f.write_str("file change"),
            Self::Retry => f.write_str("retry"),
            Self::Admin(name) => write!(f, "admin {name}"),
        }
    }
}

impl Trigger {
    /// Whether somebody asked for it.
    pub fn is_asked(&self) -> bool {
        !matches!(self, Self::FileChange | Self::Retry)
    }
}

/// Why the last reload failed; empty while what is in service is what the files say.
pub type LastError = Arc<ArcSwapOption<String>>;

/// How others ask for a reload. Asking a thousand times at once costs one or two.
pub struct Handle<S: Subject> {
    requests: Sender<Request<S>>,
    pub last_error: LastError,
}

impl<S: Subject> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self { requests: self.requests.clone(), last_error: Arc::clone(&self.last_error) }
    }
}

enum Request<S: Subject> {
    Reload(Trigger, oneshot::Sender<Outcome>),
    Command(Trigger, S::Command, oneshot::Sender<Outcome>),
    Configure(S::Settings),
    Stop,
}

impl<S: Subject> Handle<S> {
    /// The outcome comes when it is over; never, if the process ends before.
    pub fn reload(&self, trigger: Trigger) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        // Fails only when the thread is gone, as in the last moment of a drain.
        _ = self.requests.send(Request::Reload(trigger, sender));
        outcome
    }

    /// Like a reload, of which it takes its turn.
    pub fn command(&self, trigger: Trigger, command: S::Command) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        _ = self.requests.send(Request::Command(trigger, command, sender));
        outcome
    }

    /// Wants a [`reload`](Self::reload) after it.
    pub fn configure(&self, settings: S::Settings) {
        _ = self.requests.send(Request::Configure(settings));
    }

    /// No reload begins after this.
    pub fn stop(&self) {
        _ = self.requests.send(Request::Stop);
    }
}

/// Starts the thread. `refused` is why what is in service is not what the files say, if it is not.
///
/// # Errors
/// If no thread can be started.
pub fn start<S: Subject>(subject: S, refused: Option<String>) -> std::io::Result<Handle<S>> {
    let (requests, received) = channel();
    let retry_at = refused.is_some().then(|| Instant::now() + S::RETRY);
    let last_error = LastError::new(ArcSwapOption::from(refused.map(Arc::new)));
    let worker = Worker { subject, last_error: Arc::clone(&last_error), retry_at };
    let mut thread = ThreadBuilder::default().name(S::NAME);
    if S::IS_IDLE {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        thread = thread.priority(ThreadPriority::Min).policy(idle);
    }
    thread.spawn(move |priority| {
        if let (true, Err(error)) = (S::IS_IDLE, priority) {
            tracing::warn!(?error, "the {} is reloaded at normal priority", S::NAME);
        }
        worker.run(&received);
    })?;
    Ok(Handle { requests, last_error })
}

struct Worker<S> {
    subject: S,
    last_error: LastError,
    /// While the last reload was refused.
    retry_at: Option<Instant>,
}

impl<S: Subject> Worker<S> {
    /// Ends when told to stop, or when every [`Handle`] is gone.
    fn run(mut self, received: &Receiver<Request<S>>) {
        loop {
            let request = match received.recv_timeout(LOOK) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) if self.look() != self.subject.files() => self.settle(received),
                Err(RecvTimeoutError::Timeout) => {
                    if self.retry_at.is_some_and(|at| Instant::now() >= at) {
                        self.reload(&Trigger::Retry);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            match request {
                None => _ = self.reload(&Trigger::FileChange),
                Some(request) => {
                    if self.answer(request, received).is_break() {
                        return;
                    }
                }
            }
        }
    }

    /// Reloads that were asked for one after the other are answered by one.
    fn answer(&mut self, request: Request<S>, received: &Receiver<Request<S>>) -> ControlFlow<()> {
        let mut wanted = Vec::new();
        for request in std::iter::once(request).chain(received.try_iter()) {
            match request {
                Request::Reload(trigger, asked) => wanted.push((trigger, asked)),
                Request::Command(trigger, command, asked) => {
                    self.reload_for(std::mem::take(&mut wanted));
                    let outcome = self.attempt(&trigger, |subject| subject.command(command));
                    tell::<S>(&trigger, &outcome);
                    // Who asked may have gone.
                    _ = asked.send(outcome);
                }
                Request::Configure(settings) => self.subject.configure(settings),
                Request::Stop => return ControlFlow::Break(()),
            }
        }
        self.reload_for(wanted);
        ControlFlow::Continue(())
    }

    fn reload_for(&mut self, wanted: Vec<(Trigger, oneshot::Sender<Outcome>)>) {
        let Some((trigger, _)) = wanted.last() else { return };
        let outcome = self.reload(trigger);
        for (_, asked) in wanted {
            _ = asked.send(outcome.clone());
        }
    }

    fn look(&self) -> Vec<Watched> {
        self.subject.files().iter().map(|file| Watched::now(file.path.clone())).collect()
    }

    /// Waits until two looks see the same. Who asks meanwhile does not wait: gives the request.
    fn settle(&self, received: &Receiver<Request<S>>) -> Option<Request<S>> {
        let begun = Instant::now();
        let mut before = self.look();
        while begun.elapsed() < LONGEST_SETTLING {
            if let Ok(request) = received.recv_timeout(LOOK) {
                return Some(request);
            }
            let now = self.look();
            if now == before {
                break;
            }
            before = now;
        }
        None
    }

    fn reload(&mut self, trigger: &Trigger) -> Outcome {
        let before = self.last_error.load_full();
        let outcome = self.attempt(trigger, |subject| subject.reload(trigger));
        self.retry_at = matches!(outcome, Outcome::Refused(_)).then(|| Instant::now() + S::RETRY);
        let reason = outcome.reason().map(Arc::new);
        // Refused again for the same reason is no news.
        if *trigger != Trigger::Retry || reason != before {
            tell::<S>(trigger, &outcome);
        }
        self.last_error.store(reason);
        outcome
    }

    /// A panic is a failure, not the end of all reloads.
    fn attempt(&mut self, trigger: &Trigger, act: impl FnOnce(&mut S) -> Outcome) -> Outcome {
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| act(&mut self.subject)));
        let outcome = outcome.unwrap_or_else(|_| Outcome::Refused(Vec::new()));
        telemetry::reload(S::NAME, outcome.result());
        tracing::debug!(what = S::NAME, %trigger, seconds = begun.elapsed().as_secs_f64(), "reloaded");
        outcome
    }
}

fn tell<S: Subject>(trigger: &Trigger, outcome: &Outcome) {
    let what = S::NAME;
    match outcome {
        Outcome::Published(generation, warnings) => {
            log(warnings);
            tracing::info!(what, %trigger, generation, "published anew");
        }
        Outcome::Unchanged(generation) => tracing::info!(what, %trigger, generation, "unchanged"),
        Outcome::Held(generation) => {
            tracing::warn!(what, %trigger, generation, "held since a rollback: not reloaded until someone asks");
        }
        Outcome::Refused(problems) => {
            log(problems);
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
            tracing::error!(what, %trigger, errors, "refused; what was in service before serves on");
        }
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
