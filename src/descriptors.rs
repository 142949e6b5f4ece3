//! File descriptors: as many as the system lets the process have.
//!
//! Shells and service managers start programs with a soft limit of 1024, below a fleet of callers and far
//! below the hard limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// For files that are read, health checks, and what libraries keep open.
const SPARE: u64 = 640;

/// Raises the soft limit to the hard one, and warns if that is too few for `[limits] connections`.
pub fn raise(config: &Config) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "can't raise the limit of open files");
    }
    let listeners = 1 + u64::from(config.listen.admin.is_some());
    let wanted = (config.limits.connections as u64).saturating_mul(listeners).saturating_add(SPARE);
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit < wanted {
        tracing::warn!(
            limit,
            wanted,
            "the limit of open files is too low for `[limits] connections`: raise it (ulimit -n, LimitNOFILE=)"
        );
    }
}
