//! What the process tells whoever started it, if that wants to know: systemd, with `Type=notify`.
//!
//! Where nobody asked (`NOTIFY_SOCKET` is not set) nothing is told.

use std::io;

use sd_notify::NotifyState;

/// It listens.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its configuration anew. Wants to be [`ready`] after it.
pub fn reloading() {
    // systemd 253 and later want to know when it began.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => untold(&error),
    }
}

/// It drains, and ends by itself.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The watchdog (`WatchdogSec=`), if there is one, as the process finds it when this is made.
pub struct Watchdog {
    is_there: bool,
}

impl Watchdog {
    pub fn find() -> Self {
        Self { is_there: sd_notify::watchdog_enabled().is_some() }
    }

    /// The process turns over.
    pub fn reassure(&self) {
        if self.is_there {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        untold(&error);
    }
}

fn untold(error: &io::Error) {
    tracing::warn!(%error, "the service manager can't be told how things stand");
}
