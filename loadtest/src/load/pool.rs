//! Which connection takes which request, as a client's connection pool would decide.
//!
//! A free stream takes a request at once, the one that has been free the longest first. If none is
//! free the request waits, which counts in its latency, and another connection is opened for it if
//! there are fewer than allowed; whichever is free first takes it. When a connection can't be opened
//! the request that has waited longest fails of it. A connection that ended is replaced at once, unless the
//! last attempt failed: then only when a request needs it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::addresses::Addresses;
use super::failure::{Failure, Kind};
use super::job::Job;
use super::opening;
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
        let coming = state.opening * self.streams();
        if state.waiting.len() > coming {
            self.open_one(&mut state);
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
            return Some(self.again(&mut state));
        }
        state.idle.push_back(free.clone());
        None
    }

    /// From now on all connections ask again as soon as they are answered.
    pub fn close_loop(self: &Arc<Self>) {
        let mut state = self.state();
        state.closed_loop = true;
        for idle in std::mem::take(&mut state.idle) {
            if let Err(unsent) = idle.send(self.again(&mut state)) {
                state.waiting.push_back(unsent.0);
            }
        }
    }

    pub fn stop_loop(&self) {
        self.state().closed_loop = false;
    }

    fn again(&self, state: &mut State) -> Job {
        let address = state.addresses.next();
        let job = Job { due: Instant::now(), phase: 0, address, behind: Duration::ZERO, retried: false };
        locked(&self.recorder).offered(job.due, job.phase);
        job
    }

    /// Gives up requests that have waited too long. To be called every now and then.
    pub fn expire_waiting(&self) {
        let mut state = self.state();
        while state.waiting.front().is_some_and(|job| job.due.elapsed() >= self.settings.timeout) {
            if let Some(job) = state.waiting.pop_front() {
                self.expire(&job);
            }
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

    /// A connection is there.
    pub fn opened(self: &Arc<Self>) {
        let mut state = self.state();
        state.opening -= 1;
        state.last_failed = false;
        // After a time of failures there are too few.
        if state.opening == 0 {
            self.replace(&mut state);
        }
    }

    pub fn not_opened(self: &Arc<Self>, place: usize, failure: &Failure) {
        let mut state = self.state();
        state.opening -= 1;
        state.places.push(place);
        state.last_failed = true;
        let failing = match state.waiting.pop_front() {
            // The request that it would have asked.
            None if state.closed_loop && !state.over => Some(self.again(&mut state)),
            waiting => waiting,
        };
        if let Some(job) = failing {
            locked(&self.recorder).failed(job.due, job.phase, failure);
        }
        if state.waiting.len() > state.opening * self.streams() {
            self.open_one(&mut state);
        }
    }

    /// A connection has ended.
    pub fn ended(self: &Arc<Self>, place: usize, end: End) {
        let mut state = self.state();
        state.places.push(place);
        if !state.over {
            locked(&self.recorder).ended(end == End::Server);
            self.replace(&mut state);
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

    /// If there may be another.
    fn open_one(self: &Arc<Self>, state: &mut State) {
        if state.over {
            return;
        }
        if let Some(place) = state.places.pop() {
            state.opening += 1;
            let extra = self.connections(state) > self.settings.kept;
            tokio::spawn(opening::open(Arc::clone(self), place, extra));
        }
    }

    fn connections(&self, state: &State) -> usize {
        self.settings.tls.len() - state.places.len()
    }

    fn streams(&self) -> usize {
        self.settings.streams.unwrap_or(1).into()
    }
}
