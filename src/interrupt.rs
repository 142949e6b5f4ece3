//! What is waited for can be broken off: nobody who has something urgent to do waits for a store that hangs.

use std::sync::Arc;

use tokio::sync::watch;

/// How many wait with something urgent.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<watch::Sender<usize>>);

impl Default for Interrupt {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Interrupt {
    pub fn raise(&self) {
        self.0.send_modify(|waiting| *waiting += 1);
    }

    /// What was urgent has its turn.
    pub fn lower(&self) {
        self.0.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }

    /// Ends once somebody waits.
    pub async fn raised(&self) {
        // The sender is `self`'s: it does not go away.
        _ = self.0.subscribe().wait_for(|waiting| *waiting > 0).await;
    }
}
