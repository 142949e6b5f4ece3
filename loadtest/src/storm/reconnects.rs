//! The connections that come all at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::connection::{Connection, Kind, connect, shake};
use crate::tally::Failures;
use crate::target::Target;

/// When a connection was how far, since the storm began, as soon as this program saw it.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub shaken: Duration,
    pub answered: Duration,
}

#[derive(Default)]
pub struct Reconnected {
    /// The connections are open as long as this is there.
    pub succeeded: Vec<(Times, Connection)>,
    pub failures: Failures,
}

/// Opens all of them, and returns when the last has been answered or has failed.
pub async fn all(target: &Target, count: u32) -> Reconnected {
    let begun = Instant::now();
    let connecting = Arc::new(Barrier::new(count as usize));
    let reconnecting: JoinSet<_> = (0..count).map(|_| one(target.clone(), begun, Arc::clone(&connecting))).collect();
    let mut reconnected = Reconnected::default();
    for result in reconnecting.join_all().await {
        match result {
            Ok(success) => reconnected.succeeded.push(success),
            Err(reason) => reconnected.failures.add(reason),
        }
    }
    reconnected
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
