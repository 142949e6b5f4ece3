//! Clients that come all at once, on threads of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::sync::{Barrier, oneshot};
use tokio::task::JoinSet;

use crate::connection::{Connection, Kind, connect, shake};
use crate::processor;
use crate::tally::Failures;
use crate::target::Target;

/// Nice value of the threads that reconnect, so that their cryptography does not hold up the
/// established connections' requests where both share a core.
const NICE: i32 = 10;

#[derive(Debug, Serialize, Deserialize)]
pub struct Reconnects {
    pub succeeded: usize,
    pub failed: u64,
    pub reasons: Failures,
    /// Since the storm began.
    pub handshake_done_microseconds: Milestone,
    pub answered_microseconds: Milestone,
    /// Of this program meanwhile: if it used all it may, it was the bottleneck.
    pub client_cpu_seconds: f64,
}

/// When the first, the median and the last of all was there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Milestone {
    pub first: u64,
    pub median: u64,
    pub last: u64,
}

/// When a connection was how far, as soon as this program saw it.
#[derive(Debug, Clone, Copy)]
struct Times {
    shaken: Duration,
    answered: Duration,
}

/// Opens all of them, tells when the last has been answered or has failed, and keeps them open until it is over.
pub fn at_once(
    target: &Target,
    count: u32,
    tell: impl FnOnce(Result<Reconnects, String>),
    until_over: oneshot::Receiver<()>,
) {
    let runtime = match Builder::new_multi_thread().enable_all().on_thread_start(step_back).build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(error.to_string())),
    };
    runtime.block_on(async {
        let cpu_before = own_processor_time();
        let (opened, failures) = all(target, count).await;
        let cpu = own_processor_time().saturating_sub(cpu_before);
        let reached =
            |step: fn(&Times) -> Duration| Milestone::of(opened.iter().map(|(times, _)| step(times)).collect());
        tell(Ok(Reconnects {
            succeeded: opened.len(),
            failed: failures.count(),
            reasons: failures,
            handshake_done_microseconds: reached(|times| times.shaken),
            answered_microseconds: reached(|times| times.answered),
            client_cpu_seconds: cpu.as_secs_f64(),
        }));
        // Ends when the other side is gone: nothing is ever sent.
        _ = until_over.await;
    });
}

async fn all(target: &Target, count: u32) -> (Vec<(Times, Connection)>, Failures) {
    let begun = Instant::now();
    let connecting = Arc::new(Barrier::new(count as usize));
    let reconnecting: JoinSet<_> = (0..count).map(|_| one(target.clone(), begun, Arc::clone(&connecting))).collect();
    let (mut opened, mut failures) = (Vec::new(), Failures::default());
    for result in reconnecting.join_all().await {
        match result {
            Ok(success) => opened.push(success),
            Err(reason) => failures.add(reason),
        }
    }
    (opened, failures)
}

/// The first handshake begins when the last socket has begun to connect: else the work of
/// handshakes would hold up connecting, and it would be no storm.
async fn one(target: Target, begun: Instant, connecting: Arc<Barrier>) -> Result<(Times, Connection), String> {
    let (stream, _) = tokio::join!(connect(&target), connecting.wait());
    let stream = shake(&target, stream?, Kind::Full).await?;
    let shaken = begun.elapsed();
    let mut connection = Connection::over(&target, stream).await?;
    connection.ask().await?;
    Ok((Times { shaken, answered: begun.elapsed() }, connection))
}

impl Milestone {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |place: usize| times.get(place).map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        let last = times.len().saturating_sub(1);
        Self { first: at(0), median: at(last / 2), last: at(last) }
    }
}

/// On Linux a priority is a thread's own.
fn step_back() {
    // Without it, the storm is a little rougher.
    _ = setpriority_process(None, NICE);
}

fn own_processor_time() -> Duration {
    processor::used(&[std::process::id()]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_are_of_sorted_times() {
        let milestone = Milestone::of([30, 10, 20].map(Duration::from_micros).to_vec());
        assert_eq!((milestone.first, milestone.median, milestone.last), (10, 20, 30));
        assert_eq!(Milestone::of(Vec::new()).last, 0);
    }
}
