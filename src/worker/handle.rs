//! How others ask a worker for something.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use arc_swap::ArcSwapOption;
use tokio::sync::oneshot;

use super::Subject;
use crate::interrupt::Interrupt;
use crate::outcome::{Outcome, Trigger};

/// Why the last reload failed; empty while what is in service is what the files say.
pub type LastError = Arc<ArcSwapOption<String>>;

/// How others ask for a reload. Asking a thousand times at once costs one or two.
pub struct Handle<S: Subject> {
    pub(super) requests: Sender<Request<S>>,
    pub last_error: LastError,
    /// What can't wait for a store breaks off waiting for it.
    pub(super) interrupt: Interrupt,
}

impl<S: Subject> Clone for Handle<S> {
    fn clone(&self) -> Self {
        let Self { requests, last_error, interrupt } = self;
        Self { requests: requests.clone(), last_error: Arc::clone(last_error), interrupt: interrupt.clone() }
    }
}

pub(super) enum Request<S: Subject> {
    Reload(Trigger, oneshot::Sender<Outcome>),
    Foresee(bool, oneshot::Sender<Outcome>),
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

    /// What a reload would come to. It changes nothing and is told nowhere.
    pub fn foresee(&self, forced: bool) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        _ = self.requests.send(Request::Foresee(forced, sender));
        outcome
    }

    /// Like a reload, of which it takes its turn.
    pub fn command(&self, trigger: Trigger, command: S::Command) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        self.interrupt.raise();
        _ = self.requests.send(Request::Command(trigger, command, sender));
        outcome
    }

    /// Wants a [`reload`](Self::reload) after it.
    pub fn configure(&self, settings: S::Settings) {
        self.interrupt.raise();
        _ = self.requests.send(Request::Configure(settings));
    }

    /// No reload begins after this.
    pub fn stop(&self) {
        self.interrupt.raise();
        _ = self.requests.send(Request::Stop);
    }
}
