//! Which connection takes which request, as a client's connection pool would decide.
//!
//! A free stream takes a request at once, the one that has been free the longest first. If none is
//! free the request waits, which counts in its latency, and another connection is opened for it if
//! there are fewer than allowed; whichever is free first takes it. When a connection can't be opened
//! the request that has waited longest fails of it. A connection that ended is replaced at once, unless the
//! last attempt failed: then only when a request needs it.
//!
//! What has failed and is asked once more gets a connection that is opened for it, if there may be another: those that
//! there are, or that are being opened, may lead to the same server. It can be given a moment before that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::addresses::Addresses;
use super::failure::{Failure, Kind};
use super::job::Job;
use super::opening;
use super::options::Retry;
use super::recorder::{Shared, locked};
use super::servers::Servers;
use super::settings::Settings;

#[derive(Debug)]
pub struct Pool {
    pub settings: Settings,
    pub servers: Arc<Servers>,
    pub recorder: Shared,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    addresses: Addresses,
    idle: VecDeque<UnboundedSender<Job>>,
    waiting: VecDeque<Job>,
    /// Indices of TLS settings that no connection uses.
    places: Vec<usize>,
    /// Connections that are being opened for those that wait, or to be kept.
    opening: usize,
    last_failed: bool,
    /// Who is answered asks again at once.
    closed_loop: bool,
    over: bool,
}

/// How a connection's end came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Server,
    Own,
}

impl Pool {
    pub fn new(settings: Settings, servers: Arc<Servers>, recorder: Shared, addresses: Addresses) -> Self {
        let places = (0..settings.tls.len()).rev().collect();
        let state = State {
            addresses,
            idle: VecDeque::new(),
            waiting: VecDeque::new(),
            places,
            opening: 0,
            last_failed: false,
            closed_loop: false,
            over: false,
        };
        Self { settings, servers, recorder, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a request sent that is due.
    pub fn offer(self: &Arc<Self>, due: Instant, phase: usize) {
        locked(&self.recorder).offered(due, phase);
        let address = self.state().addresses.next();
        self.take(Job { due, phase, address, behind: due.elapsed(), retried: false });
    }

    /// Has a request sent, or again.
    pub fn take(self: &Arc<Self>, mut job: Job) {
        let mut state = self.state();
        while let Some(idle) = state.idle.pop_front() {
            match idle.send(job) {
                Ok(()) => return,
                // That connection has ended.
                Err(unsent) => job = unsent.0,
            }
        }
        // One that comes back was due before all others.
        if state.waiting.front().is_some_and(|first| first.due > job.due) {
            state.waiting.push_front(job);
        } else {
            state.waiting.push_back(job);
        }
        self.open_if_wanted(&mut state);
    }

    /// Has a request sent once more that failed, if that is wanted. It may be that a connection, used before, ended
    /// without a byte of the answer.
    pub fn ask_again(self: &Arc<Self>, job: &Job, failure: &Failure, was_closed: bool) -> bool {
        let fresh = match self.settings.retry {
            Retry::Failed if failure.kind.is_worth_a_retry() => true,
            Retry::Closed | Retry::Failed if was_closed => false,
            _ => return false,
        };
        if job.retried {
            return false;
        }
        locked(&self.recorder).retried(job.due, failure);
        let job = Job { retried: true, ..*job };
        let pause = self.settings.retry_after;
        if !fresh {
            self.take(job);
        } else if pause.is_zero() {
            self.open_for(job);
        } else {
            let pool = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                pool.open_for(job);
            });
        }
        true
    }

    /// Has a request sent on a connection of its own, if there may be another.
    fn open_for(self: &Arc<Self>, job: Job) {
        let mut state = self.state();
        if let Some(place) = state.places.pop() {
            self.open(&mut state, place, Some(job));
        } else {
            drop(state);
            self.take(job);
        }
    }

    /// The next request for a stream that is free, or it is idle from now on.
    pub fn next(&self, free: &UnboundedSender<Job>) -> Option<Job> {
        let mut state = self.state();
        while let Some(job) = state.waiting.pop_front() {
            if job.due.elapsed() < self.settings.timeout {
                return Some(job);
            }
            self.expire(&job);
        }
        if state.closed_loop && !state.over {
            return Some(self.next_of_loop(&mut state));
        }
        state.idle.push_back(free.clone());
        None
    }

    /// From now on all connections ask again as soon as they are answered.
    pub fn close_loop(self: &Arc<Self>) {
        let mut state = self.state();
        state.closed_loop = true;
        for idle in std::mem::take(&mut state.idle) {
            if let Err(unsent) = idle.send(self.next_of_loop(&mut state)) {
                state.waiting.push_back(unsent.0);
            }
        }
    }

    pub fn stop_loop(&self) {
        self.state().closed_loop = false;
    }

    fn next_of_loop(&self, state: &mut State) -> Job {
        let address = state.addresses.next();
        let job = Job { due: Instant::now(), phase: 0, address, behind: Duration::ZERO, retried: false };
        locked(&self.recorder).offered(job.due, job.phase);
        job
    }

    /// Gives up requests that have waited too long. To be called every now and then.
    pub fn expire_waiting(&self) {
        let mut state = self.state();
        while let Some(job) = state.waiting.pop_front_if(|job| job.due.elapsed() >= self.settings.timeout) {
            self.expire(&job);
        }
    }

    fn expire(&self, job: &Job) {
        let seconds = self.settings.timeout.as_secs_f64();
        let failure = Failure::new(Kind::Timeout, format!("no connection was free for {seconds} s"));
        locked(&self.recorder).failed(job.due, job.phase, &failure);
    }

    /// Opens the connections that are kept, and returns when each is open or one has failed.
    pub async fn warm_up(self: &Arc<Self>) {
        const AT_ONCE: usize = 64;
        const PAUSE: Duration = Duration::from_millis(1);
        loop {
            {
                let mut state = self.state();
                if state.last_failed || self.connections(&state) >= self.settings.kept {
                    break;
                }
                if state.opening < AT_ONCE {
                    self.open_one(&mut state);
                    continue;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        while self.state().opening > 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A connection is there, for one request or for whichever waits.
    pub fn opened(self: &Arc<Self>, for_one: bool) {
        let mut state = self.state();
        state.opening -= usize::from(!for_one);
        state.last_failed = false;
        // After a time of failures there are too few.
        if state.opening == 0 {
            self.replace(&mut state);
        }
    }

    /// A connection is not there, for one request or for whichever waits.
    pub fn not_opened(self: &Arc<Self>, place: usize, failure: &Failure, for_one: Option<Job>) {
        let mut state = self.state();
        state.opening -= usize::from(for_one.is_none());
        state.places.push(place);
        state.last_failed = true;
        let failing = match for_one.or_else(|| state.waiting.pop_front()) {
            // The request that it would have asked.
            None if state.closed_loop && !state.over => Some(self.next_of_loop(&mut state)),
            failing => failing,
        };
        drop(state);
        if let Some(job) = failing
            && !self.ask_again(&job, failure, false)
        {
            locked(&self.recorder).failed(job.due, job.phase, failure);
        }
        self.open_if_wanted(&mut self.state());
    }

    /// A connection has ended.
    pub fn ended(self: &Arc<Self>, place: usize, end: End) {
        let mut state = self.state();
        state.places.push(place);
        if !state.over {
            locked(&self.recorder).ended(end == End::Server);
            self.replace(&mut state);
            self.open_if_wanted(&mut state);
        }
    }

    /// In a closed loop, brings back connections that failed. To be called every now and then.
    pub fn try_again(self: &Arc<Self>) {
        let mut state = self.state();
        if state.closed_loop && state.opening == 0 && self.connections(&state) < self.settings.kept {
            self.open_one(&mut state);
        }
    }

    /// No more requests, no more connections.
    pub fn finish(&self) {
        self.state().over = true;
    }

    fn replace(self: &Arc<Self>, state: &mut State) {
        if !state.last_failed && self.connections(state) < self.settings.kept {
            self.open_one(state);
        }
    }

    /// If more wait than connections are coming for.
    fn open_if_wanted(self: &Arc<Self>, state: &mut State) {
        if state.waiting.len() > state.opening * self.streams() {
            self.open_one(state);
        }
    }

    /// If there may be another.
    fn open_one(self: &Arc<Self>, state: &mut State) {
        if state.over {
            return;
        }
        if let Some(place) = state.places.pop() {
            self.open(state, place, None);
        }
    }

    fn open(self: &Arc<Self>, state: &mut State, place: usize, for_one: Option<Job>) {
        state.opening += usize::from(for_one.is_none());
        let extra = self.connections(state) > self.settings.kept;
        tokio::spawn(opening::open(Arc::clone(self), place, extra, for_one));
    }

    fn connections(&self, state: &State) -> usize {
        self.settings.tls.len() - state.places.len()
    }

    fn streams(&self) -> usize {
        self.settings.streams.unwrap_or(1).into()
    }
}
