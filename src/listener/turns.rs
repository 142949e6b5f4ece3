//! Handshakes take turns, so that a storm of them does not push aside the requests of connections
//! that are open already.
//!
//! A handshake is a few bursts of computing, a third of a millisecond each, with waits for the client in
//! between. Five thousand clients that come at once would have five thousand bursts in line before
//! the next request. Here only some may be in line at a time; the others wait in the order in which they
//! became ready. A turn is for one burst: a client that dawdles holds none.

use std::future::{Future, poll_fn};
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::task::ready;

use tokio::sync::Semaphore;
use tokio_util::sync::PollSemaphore;

/// Shared by all listeners of the process.
#[derive(Clone)]
pub struct Turns {
    semaphore: Arc<Semaphore>,
}

impl Turns {
    /// For half of the processors, so that the other half is there for requests.
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { semaphore: Arc::new(Semaphore::new((processors / 2).max(1))) }
    }

    /// Runs a handshake, burst by burst, each in its turn.
    pub async fn take<F: Future>(&self, handshake: F) -> F::Output {
        let mut handshake = pin!(handshake);
        let mut semaphore = PollSemaphore::new(Arc::clone(&self.semaphore));
        poll_fn(|context| {
            let _turn = ready!(semaphore.poll_acquire(context));
            handshake.as_mut().poll(context)
        })
        .await
    }
}
