//! A thread that keeps one subject up to date: it waits for a trigger or a changed file, and has
//! it reloaded.
//!
//! Files are watched by looking at their stamps. That sees renames, symlinks swapped anywhere on
//! the way (`..data` in a Kubernetes `ConfigMap`) and network file systems alike, costs a handful of
//! `stat` calls a second, and needs no kernel limits raised. A change is acted on once nothing has
//! changed for one look, so that files changed together are loaded together. What lies in a store is asked for
//! instead, from time to time.

mod handle;
mod polling;
mod tell;

use std::fmt::Display;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};
use thread_priority::{ThreadBuilder, ThreadPriority};
use tokio::sync::oneshot;

use crate::file::Watched;
use crate::history::{Entry, History};
use crate::interrupt::Interrupt;
use crate::outcome::{Outcome, Trigger, Verdict};
use crate::telemetry;
use handle::Request;
use polling::Polling;
use tell::tell;

pub use handle::{Handle, LastError};
pub use tell::log;

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_millis(250);

/// So that nothing goes round and round, whatever is due.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// A file that keeps changing is loaded all the same after this long.
const LONGEST_SETTLING: Duration = Duration::from_secs(10);

/// What is kept up to date.
pub trait Subject: Send + 'static {
    /// The thread's name, and `what` in metrics and logs.
    const NAME: &'static str;

    /// Whether serving always comes first. Else it is loaded as soon as can be.
    const IS_IDLE: bool;

    /// After most refusals it is tried again this much later, whether or not a file has changed: the cause may
    /// pass by itself, as when descriptors had run out, or a list was made by a clock ahead of ours.
    const RETRY: Duration;

    type Settings: Send + 'static;

    /// What can be asked for beside a reload, by name.
    type Command: Display + Send + 'static;

    /// Loads by these settings from now on.
    fn configure(&mut self, settings: Self::Settings);

    /// The files of the last load, as they were.
    fn files(&self) -> &[Watched];

    /// Loads, checks, and publishes if it is good and new.
    fn reload(&mut self, trigger: &Trigger) -> Outcome;

    /// What a reload would come to, by force or not, with nothing changed.
    fn foresee(&mut self, forced: bool) -> Outcome;

    /// Mean time between two times of asking whether something [has changed](Self::has_changed), if it is to be asked.
    fn polls(&self) -> Option<Duration> {
        None
    }

    /// Asks, where nobody tells.
    ///
    /// # Errors
    /// A refusal, if that can't be found out.
    fn has_changed(&mut self) -> Result<bool, Box<Outcome>> {
        Ok(false)
    }

    /// What breaks off its waiting.
    fn interrupt(&self) -> Interrupt {
        Interrupt::default()
    }

    /// Time until [`tick`](Self::tick) is to be called, if it is.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Does what the time has come for. None, if that comes to nothing new.
    fn tick(&mut self) -> Option<Outcome> {
        None
    }

    fn command(&mut self, command: Self::Command) -> Outcome;
}

/// Starts the thread. `first` is what came of the first attempt, before there was one.
///
/// # Errors
/// If no thread can be started.
pub fn start<S: Subject>(subject: S, first: &Outcome, history: Arc<History>) -> std::io::Result<Handle<S>> {
    let (requests, received) = channel();
    let last_error = LastError::default();
    let interrupt = subject.interrupt();
    let handle = Handle { requests, last_error: Arc::clone(&last_error), interrupt: interrupt.clone() };
    let polling = Polling::default();
    let mut worker = Worker { subject, last_error, retry_at: None, settling: None, polling, interrupt, history };
    worker.settle_with(first);
    worker.record("reload", &Trigger::Start, first);
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
    Ok(handle)
}

struct Worker<S> {
    subject: S,
    last_error: LastError,
    /// If the last reload is to be tried again.
    retry_at: Option<Instant>,
    /// Since when the files have not been those of the last load, and what they were at the last look.
    settling: Option<(Instant, Vec<Watched>)>,
    polling: Polling,
    interrupt: Interrupt,
    history: Arc<History>,
}

impl<S: Subject> Worker<S> {
    /// Ends when told to stop, or when every [`Handle`] is gone. Nobody who asks, however often, keeps it from
    /// what is due, nor from looking at the files.
    fn run(mut self, received: &Receiver<Request<S>>) {
        let mut next_look = Instant::now() + LOOK;
        loop {
            let due = self.subject.due().map_or(LOOK, |due| due.max(SHORTEST_WAIT));
            let poll = self.polls().map_or(LOOK, |every| self.polling.left(every));
            match received.recv_timeout(due.min(poll).min(next_look.saturating_duration_since(Instant::now()))) {
                Ok(request) => {
                    if self.answer(request, received).is_break() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.subject.due().is_some_and(|due| due.is_zero()) {
                self.tick();
            }
            if Instant::now() >= next_look {
                self.look();
                next_look = Instant::now() + LOOK;
            }
            self.poll();
        }
    }

    /// Reloads that were asked for one after the other are answered by one.
    fn answer(&mut self, request: Request<S>, received: &Receiver<Request<S>>) -> ControlFlow<()> {
        let mut wanted = Vec::new();
        for request in std::iter::once(request).chain(received.try_iter()) {
            match request {
                Request::Reload(trigger, asked) => wanted.push((trigger, asked)),
                Request::Foresee(forced, asked) => {
                    self.reload_for(std::mem::take(&mut wanted));
                    let outcome = self.unwinding(|subject| subject.foresee(forced));
                    _ = asked.send(outcome.unwrap_or_else(broken_off::<S>));
                }
                Request::Command(trigger, command, asked) => {
                    self.interrupt.lower();
                    self.reload_for(std::mem::take(&mut wanted));
                    let action = command.to_string();
                    let outcome = self.attempt(&trigger, |subject| subject.command(command));
                    if outcome.verdict == Verdict::Published {
                        self.settle_with(&outcome);
                    }
                    tell::<S>(&trigger, &outcome);
                    self.record(&action, &trigger, &outcome);
                    _ = asked.send(outcome);
                }
                Request::Configure(settings) => {
                    self.interrupt.lower();
                    self.subject.configure(settings);
                }
                Request::Stop => return ControlFlow::Break(()),
            }
        }
        self.reload_for(wanted);
        ControlFlow::Continue(())
    }

    /// All by one, and by force if one of them was asked for so.
    fn reload_for(&mut self, wanted: Vec<(Trigger, oneshot::Sender<Outcome>)>) {
        let triggers = wanted.iter().map(|(trigger, _)| trigger);
        let Some(trigger) = triggers.max_by_key(|trigger| trigger.is_forced()) else { return };
        let outcome = self.reload(trigger);
        for (_, asked) in wanted {
            _ = asked.send(outcome.clone());
        }
    }

    /// Reloads what has changed, once two looks see the same, or what is to be tried again.
    fn look(&mut self) {
        let seen: Vec<Watched> = self.subject.files().iter().map(|file| Watched::now(file.path.clone())).collect();
        if seen == self.subject.files() {
            self.settling = None;
            if self.retry_at.is_some_and(|at| Instant::now() >= at) {
                self.reload(&Trigger::Retry);
            }
            return;
        }
        let (since, before) = self.settling.take().unwrap_or_else(|| (Instant::now(), Vec::new()));
        if seen == before || since.elapsed() >= LONGEST_SETTLING {
            self.reload(&Trigger::FileChange);
        } else {
            self.settling = Some((since, seen));
        }
    }

    /// How often the source is to be asked, if it is. What is to be tried again anyway is not.
    fn polls(&self) -> Option<Duration> {
        self.subject.polls().filter(|_| self.retry_at.is_none())
    }

    /// Asks whether something is new, if it is time to, and reloads it.
    fn poll(&mut self) {
        let Some(every) = self.polls().filter(|every| self.polling.left(*every).is_zero()) else { return };
        let asked = self.unwinding(S::has_changed).unwrap_or(Ok(true));
        let was_lost = std::mem::replace(&mut self.polling.is_lost, asked.is_err());
        let well = match asked {
            Ok(false) if !was_lost => true,
            Ok(_) => self.reload(&Trigger::Poll).verdict != Verdict::Refused,
            Err(refused) => {
                telemetry::reload(S::NAME, refused.verdict.label());
                self.conclude(&Trigger::Poll, &refused);
                false
            }
        };
        self.polling.asked(every, well);
    }

    fn reload(&mut self, trigger: &Trigger) -> Outcome {
        let outcome = self.attempt(trigger, |subject| subject.reload(trigger));
        self.conclude(trigger, &outcome);
        if matches!(outcome.verdict, Verdict::Published | Verdict::Unchanged) {
            self.polling.recovered();
        }
        outcome
    }

    fn conclude(&mut self, trigger: &Trigger, outcome: &Outcome) {
        let before = self.last_error.load_full();
        self.settle_with(outcome);
        // Refused again for the same reason is no news, nor that a look has found all well as before.
        let is_quiet = match outcome.verdict {
            Verdict::Refused => matches!(trigger, Trigger::Retry | Trigger::Poll),
            Verdict::Unchanged => *trigger == Trigger::Poll,
            _ => false,
        };
        if !is_quiet || outcome.reason() != before.as_deref().cloned() {
            tell::<S>(trigger, outcome);
            self.record("reload", trigger, outcome);
        }
    }

    /// Does what is due.
    fn tick(&mut self) {
        let Some(outcome) = self.unwinding(S::tick).unwrap_or_else(|| Some(broken_off::<S>())) else { return };
        telemetry::reload(S::NAME, outcome.verdict.label());
        tell::<S>(&Trigger::Time, &outcome);
        self.record("reload", &Trigger::Time, &outcome);
    }

    fn settle_with(&mut self, outcome: &Outcome) {
        self.retry_at = outcome.retry_after.map(|after| Instant::now() + after);
        self.settling = None;
        // What is put off was not looked at: what was wrong before may still be.
        if outcome.verdict != Verdict::Postponed {
            self.last_error.store(outcome.reason().map(Arc::new));
        }
    }

    fn attempt(&mut self, trigger: &Trigger, act: impl FnOnce(&mut S) -> Outcome) -> Outcome {
        let begun = Instant::now();
        let outcome = self.unwinding(act).unwrap_or_else(broken_off::<S>);
        telemetry::reload(S::NAME, outcome.verdict.label());
        tracing::debug!(what = S::NAME, %trigger, seconds = begun.elapsed().as_secs_f64(), "reloaded");
        outcome
    }

    /// A panic is a failure, not the end of all reloads. None, if there was one.
    fn unwinding<T>(&mut self, act: impl FnOnce(&mut S) -> T) -> Option<T> {
        catch_unwind(AssertUnwindSafe(|| act(&mut self.subject))).ok()
    }

    fn record(&self, action: &str, trigger: &Trigger, outcome: &Outcome) {
        self.history.record(&Entry::new(S::NAME, action, trigger, outcome, SystemTime::now()));
    }
}

fn broken_off<S: Subject>() -> Outcome {
    Outcome::broken_off(S::RETRY)
}
