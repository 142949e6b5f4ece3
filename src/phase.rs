//! How far the process is on its way out.

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Serving,
    /// Health is red, so that load balancers turn away; everything is still answered.
    Leaving,
    /// No new connections; open ones end after the request they are in.
    Stopping,
}

pub type PhaseWatch = watch::Receiver<Phase>;

/// Waits until the process is at least as far as `phase`.
pub async fn reached(watch: &mut PhaseWatch, phase: Phase) {
    // An error means that whoever tells the phase is gone: as far as it gets.
    _ = watch.wait_for(|now| *now >= phase).await;
}
