//! The connections that are there all along, and their requests.

use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::pace::{Due, PHASES};
use crate::connection::{Connection, Kind};
use crate::tally::Tally;
use crate::target::Target;

/// What came of a phase's requests.
#[derive(Debug, Clone)]
pub struct Carried {
    /// From when a request was due to the end of its answer.
    pub answers: Tally,
    /// How late this program itself was with requests that nothing else held up.
    pub lag: Tally,
}

impl Carried {
    pub fn new() -> Result<Self, String> {
        Ok(Self { answers: Tally::new()?, lag: Tally::new()? })
    }

    pub fn merge(&mut self, other: &Self) {
        self.answers.merge(&other.answers);
        self.lag.merge(&other.lag);
    }
}

/// What came of a connection's requests, by phase.
pub type Phases = [Carried; PHASES.len()];

/// Opens connections that send what is due.
pub async fn open(target: &Target, count: u32) -> Result<(JoinSet<Phases>, Vec<UnboundedSender<Due>>), String> {
    let nothing = Carried::new()?;
    let mut connections = JoinSet::new();
    let mut senders = Vec::new();
    for _ in 0..count {
        let connection = Connection::open(target, Kind::Full).await.map_err(|reason| format!("at first: {reason}"))?;
        let (sender, due) = unbounded_channel();
        connections.spawn(carry(connection, due, std::array::from_fn(|_| nothing.clone())));
        senders.push(sender);
    }
    Ok((connections, senders))
}

/// Sends each request when it is due, or when the one before has been answered, until no more come.
async fn carry(mut connection: Connection, mut requests: UnboundedReceiver<Due>, mut phases: Phases) -> Phases {
    let mut free_since = Instant::now();
    while let Some(Due { at, phase }) = requests.recv().await {
        let Carried { answers, lag } = &mut phases[phase];
        lag.record(Instant::now().saturating_duration_since(at.max(free_since)));
        let outcome = connection.ask().await;
        free_since = Instant::now();
        match outcome {
            Ok(()) => answers.record(free_since.saturating_duration_since(at)),
            Err(reason) => answers.failures.add(reason),
        }
    }
    connection.close().await;
    phases
}
