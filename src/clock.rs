//! Timers of another runtime than the one that waits for them.
//!
//! A thread with a timer under way sets one of the system's each time that it goes to sleep. Those that serve go to
//! sleep after nearly every request, and their connections' timers are minutes away: somebody else keeps these.

use std::time::Instant;

use tokio::runtime::Handle;
use tokio::time::Sleep;

#[derive(Clone)]
pub struct Clock {
    runtime: Handle,
}

impl Clock {
    /// Has the timers kept by the runtime that this is called in.
    pub fn here() -> Self {
        Self { runtime: Handle::current() }
    }

    /// Can be waited for in any runtime.
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        let _within = self.runtime.enter();
        tokio::time::sleep_until(at.into())
    }
}
