//! Lanes: the threads that serve. Each has a runtime and a queue of its own, and a connection stays in its lane.
//!
//! Nothing moves between lanes, so nothing is shared or woken across them: a request costs less processor time than
//! with threads that take work from each other. In return the connections must be dealt out evenly: a new one goes
//! to the lane that has the fewest.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use crate::processors::processors;
use crate::queue::Queue;

/// All lanes of a process. They end when the last of these is dropped.
#[derive(Clone)]
pub struct Lanes {
    lanes: Arc<[Arc<Lane>]>,
    _open: watch::Sender<()>,
}

pub struct Lane {
    pub runtime: Handle,
    /// What is ready here, waiting for its turn.
    pub queue: Queue,
    connections: AtomicUsize,
}

impl Lanes {
    /// One for each processor that the process may use.
    ///
    /// # Errors
    /// If a thread can't be started.
    pub fn start() -> io::Result<Self> {
        let (open, watch) = watch::channel(());
        let processors = processors();
        let lanes = (0..processors).map(|number| Lane::start(number, watch.clone()));
        Ok(Self { lanes: lanes.collect::<io::Result<_>>()?, _open: open })
    }

    /// The runtime that this is called in, as the one lane.
    pub fn here() -> Self {
        let (open, _) = watch::channel(());
        Self { lanes: Arc::new([Lane::of(Handle::current())]), _open: open }
    }

    /// The lane with the fewest connections.
    pub fn emptiest(&self) -> Option<&Arc<Lane>> {
        self.lanes.iter().min_by_key(|lane| lane.connections.load(Ordering::Relaxed))
    }

    /// One after another, over and over.
    pub fn in_turn(&self, turn: usize) -> Option<&Arc<Lane>> {
        self.lanes.get(turn % self.lanes.len().max(1))
    }
}

impl Lane {
    fn of(runtime: Handle) -> Arc<Self> {
        let lane = Arc::new(Self { runtime, queue: Queue::default(), connections: AtomicUsize::new(0) });
        let own = Arc::clone(&lane);
        // A task like all others: what a thread blocks on does not stand in its runtime's queue.
        lane.runtime.spawn(async move { own.queue.measure().await });
        lane
    }

    fn start(number: usize, mut open: watch::Receiver<()>) -> io::Result<Arc<Self>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let lane = Self::of(runtime.handle().clone());
        thread::Builder::new().name(format!("lane-{number}")).spawn(move || {
            // An error: there are no lanes any more.
            _ = runtime.block_on(open.changed());
        })?;
        Ok(lane)
    }

    /// Counts a connection for as long as the guard is held.
    pub fn enter(self: &Arc<Self>) -> InLane {
        self.connections.fetch_add(1, Ordering::Relaxed);
        InLane { lane: Arc::clone(self) }
    }
}

/// A connection's place in its lane.
pub struct InLane {
    pub lane: Arc<Lane>,
}

impl Drop for InLane {
    fn drop(&mut self) {
        self.lane.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn who_is_far_behind_in_a_lane_is_known_to_wait() {
        const CROWD: usize = 2000;
        let lanes = Lanes::start().unwrap();
        let lane = Arc::clone(lanes.emptiest().unwrap());
        let (waits, told) = mpsc::channel();
        let crowd = Arc::clone(&lane);
        lane.runtime.spawn(async move {
            let begun = Instant::now();
            for _ in 0..CROWD {
                let (lane, waits) = (Arc::clone(&crowd), waits.clone());
                tokio::spawn(async move {
                    let now = Instant::now();
                    waits.send((now - begun, lane.queue.waited(now))).unwrap();
                    thread::sleep(Duration::from_micros(50));
                });
            }
        });
        let waits: Vec<_> = told.iter().take(CROWD).collect();
        for (truly, known) in &waits[CROWD / 2..] {
            assert!(*known >= *truly / 2, "{known:?} of {truly:?}");
        }
    }
}
