//! An end before its time: on SIGINT or SIGTERM a run sends no more, and tells what came of it so far.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::{Receiver, channel};

/// As after a signal that nobody catches.
const INTERRUPTED: i32 = 130;

#[derive(Debug, Clone)]
pub struct Interrupt(Receiver<bool>);

impl Interrupt {
    /// Within a tokio runtime.
    pub fn new() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("no signals: {error}"));
        let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        let (tell, told) = channel(false);
        tokio::spawn(async move {
            either(&mut interrupt, &mut terminate).await;
            tell.send_replace(true);
            // Who asks twice does not want to wait for the last answers.
            either(&mut interrupt, &mut terminate).await;
            std::process::exit(INTERRUPTED);
        });
        Ok(Self(told))
    }

    /// Returns once it has come.
    pub async fn come(&self) {
        // An error would be that it can't come any more.
        if self.0.clone().wait_for(|come| *come).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub fn has_come(&self) -> bool {
        *self.0.borrow()
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
