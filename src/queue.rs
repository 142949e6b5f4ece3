//! How long what is ready has to wait for its turn in a lane.
//!
//! Whatever a lane has to do stands in one queue, first come, first served; requests too. A marker is sent through
//! it: the time that the marker takes is the time that everything else takes. Nothing is measured while nothing
//! is asked for, and no request pays for more than a look at a clock that it reads anyway.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::yield_now;

/// Markers set out no sooner than this after each other.
const PAUSE: u64 = 1_000;

/// Above this it is measured until it is below, so that no old figure stays.
const NOTABLE: u64 = 1_000;

/// Times are microseconds since it was made.
pub struct Queue {
    made: Instant,
    /// When the marker set out that is under way, or the last one.
    set_out: AtomicU64,
    under_way: AtomicBool,
    /// What the last marker took.
    took: AtomicU64,
    marker: Notify,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            made: Instant::now(),
            set_out: AtomicU64::new(0),
            under_way: AtomicBool::new(false),
            took: AtomicU64::new(0),
            marker: Notify::new(),
        }
    }
}

impl Queue {
    /// For how long the request whose turn it is now has waited, as far as is known. Sends the marker, if it is time.
    pub fn waited(&self, now: Instant) -> Duration {
        let now = self.at(now);
        let since = now.saturating_sub(self.set_out.load(Ordering::Relaxed));
        let took = self.took.load(Ordering::Relaxed);
        if self.under_way.load(Ordering::Relaxed) {
            return Duration::from_micros(took.max(since));
        }
        if since >= PAUSE {
            self.set_out.store(now, Ordering::Relaxed);
            self.under_way.store(true, Ordering::Relaxed);
            self.marker.notify_one();
        }
        Duration::from_micros(took)
    }

    /// Is the marker. Wants to be run in the lane.
    pub async fn measure(&self) {
        loop {
            self.marker.notified().await;
            while self.arrive() > NOTABLE {
                self.set_out.store(self.at(Instant::now()), Ordering::Relaxed);
                yield_now().await;
            }
            self.under_way.store(false, Ordering::Relaxed);
        }
    }

    fn arrive(&self) -> u64 {
        let took = self.at(Instant::now()).saturating_sub(self.set_out.load(Ordering::Relaxed));
        self.took.store(took, Ordering::Relaxed);
        took
    }

    fn at(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.made).as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Work that the queue consists of.
    async fn crowd(tasks: usize, each: Duration, queue: &Arc<Queue>) -> Vec<Duration> {
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let queue = Arc::clone(queue);
                tokio::spawn(async move {
                    let waited = queue.waited(Instant::now());
                    std::thread::sleep(each);
                    waited
                })
            })
            .collect();
        let mut waited = Vec::new();
        for task in tasks {
            waited.push(task.await.unwrap());
        }
        waited
    }

    #[tokio::test]
    async fn a_crowd_is_noticed_and_forgotten() {
        let queue = Arc::new(Queue::default());
        let marker = Arc::clone(&queue);
        tokio::spawn(async move { marker.measure().await });
        std::thread::sleep(Duration::from_millis(2));
        let waited = crowd(20, Duration::from_millis(2), &queue).await;
        assert_eq!(waited[0], Duration::ZERO, "nobody was there before");
        assert!(waited[19] >= Duration::from_millis(38), "{waited:?}");
        while queue.under_way.load(Ordering::Relaxed) {
            yield_now().await;
        }
        let later = queue.waited(Instant::now());
        assert!(later <= Duration::from_micros(NOTABLE), "{later:?}");
    }
}
