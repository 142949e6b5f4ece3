//! When requests of the established connections are due: at fixed times, whatever became of the
//! ones before. A thread of its own keeps the time, as tokio's timers count whole milliseconds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

pub const BEFORE: usize = 0;
pub const DURING: usize = 1;
pub const AFTER: usize = 2;
pub const OVER: usize = 3;

/// The phases' names, up to the one that ends it.
pub const PHASES: [&str; OVER] = ["before", "during", "after"];

/// A request that a connection is to send.
#[derive(Debug)]
pub struct Due {
    pub at: Instant,
    pub phase: usize,
}

/// Gives each connection in turn its requests, at a rate in total, until it is over.
pub fn keep(rate: u32, phase: &AtomicUsize, connections: &[UnboundedSender<Due>]) {
    let begun = Instant::now();
    for (number, connection) in (0_u64..).zip(connections.iter().cycle()) {
        let at = begun + Duration::from_secs_f64(number as f64 / f64::from(rate));
        thread::sleep(at.saturating_duration_since(Instant::now()));
        let phase = phase.load(Ordering::Relaxed);
        if phase >= OVER {
            return;
        }
        // Fails only if the connection's task is gone, which shows when it is joined.
        _ = connection.send(Due { at, phase });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn is_even_and_fair_until_it_is_over() {
        let phase = Arc::new(AtomicUsize::new(DURING));
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| unbounded_channel()).unzip();
        let pacer = thread::spawn({
            let phase = Arc::clone(&phase);
            move || keep(1000, &phase, &senders)
        });
        thread::sleep(Duration::from_millis(50));
        phase.store(OVER, Ordering::Relaxed);
        pacer.join().unwrap();
        let mut last = None;
        let mut count = 0;
        while let Ok(due) = receivers[count % 2].try_recv() {
            assert_eq!(due.phase, DURING);
            if let Some(last) = last.replace(due.at) {
                let apart = due.at - last;
                assert!(apart.abs_diff(Duration::from_millis(1)) < Duration::from_micros(1), "{apart:?}");
            }
            count += 1;
        }
        assert!(count >= 10, "{count}");
        assert!(receivers.iter_mut().all(|receiver| receiver.try_recv().is_err()));
    }
}
