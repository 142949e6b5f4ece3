//! File descriptors: as many as the system lets the process have, and who gets them when they are few.
//!
//! Shells and service managers start programs with a soft limit of 1024, below a fleet of callers and far
//! below the hard limit.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::processors::processors;

/// For files that are read, and what libraries keep open.
const OWN: u64 = 128;

/// For the runtime of each thread that serves.
const OF_A_LANE: u64 = 4;

/// For health checks and scrapers. They are few.
const HEALTH: u64 = 512;

/// How many connections there may be, so that descriptors never run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Of each TLS listener.
    pub clients: usize,
    /// Of the health listener.
    pub health: usize,
}

/// Raises the soft limit to the hard one, and warns if that is too few for `[limits] connections`.
pub fn raise(config: &Config) -> Shares {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "can't raise the limit of open files");
    }
    let listeners = 1 + u64::from(config.listen.admin.is_some());
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let own = OWN + OF_A_LANE * processors() as u64;
    let shares = shares(limit, own, config.limits.connections, listeners);
    if shares.clients < config.limits.connections {
        let wanted = (config.limits.connections as u64).saturating_mul(listeners).saturating_add(own + HEALTH);
        tracing::warn!(
            limit,
            wanted,
            connections = shares.clients,
            "the limit of open files is too low for `[limits] connections`, so fewer are taken: raise it \
             (ulimit -n, LimitNOFILE=)"
        );
    }
    shares
}

/// Health checks and the process itself come first.
fn shares(limit: u64, own: u64, connections: usize, listeners: u64) -> Shares {
    let own = own.min(limit / 2);
    let health = HEALTH.min(limit / 8);
    let clients = (limit - own - health) / listeners;
    Shares {
        clients: connections.min(usize::try_from(clients).unwrap_or(usize::MAX)).max(1),
        health: usize::try_from(health).unwrap_or(usize::MAX).max(1),
    }
}

/// Whether something failed for lack of descriptors: the process's or, which no share prevents, the system's.
pub fn have_run_out(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Descriptors that are held to be let go when there are none left.
pub struct Reserve {
    held: Vec<File>,
    size: usize,
}

impl Reserve {
    pub fn new(size: usize) -> Self {
        let mut reserve = Self { held: Vec::with_capacity(size), size };
        reserve.refill();
        reserve
    }

    /// Holds as many as it should again, if they can be had.
    pub fn refill(&mut self) {
        while self.held.len() < self.size
            && let Ok(file) = File::open("/dev/null")
        {
            self.held.push(file);
        }
    }

    /// Lets one go for the caller to use, who may find that another was quicker. Whether there was one.
    pub fn let_go(&mut self) -> bool {
        self.held.pop().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_few_is_shared() {
        for (limit, connections, listeners, clients, health) in [
            (u64::MAX, 10_000, 2, 10_000, 512),
            (20_640, 10_000, 2, 10_000, 512),
            (20_639, 10_000, 2, 9_999, 512),
            (1_024, 10_000, 1, 768, 128),
            (1_024, 100, 1, 100, 128),
            (128, 10_000, 1, 48, 16),
            (128, 10_000, 2, 24, 16),
            (1, 10_000, 2, 1, 1),
        ] {
            assert_eq!(shares(limit, 128, connections, listeners), Shares { clients, health }, "of {limit}");
        }
    }
}
