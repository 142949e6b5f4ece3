//! Load: requests at their times over a pool of connections, and what came of each.
//!
//! Arrivals are scheduled and wait for nobody: a request's latency counts from when it was *due*,
//! so a server that stalls is charged for everything that came due meanwhile. In reading order:
//! - [`schedule`]: when requests are due; [`alarm`]: waiting for exactly that
//! - [`addresses`]: whom they ask about; [`request`]: how they read
//! - [`pool`]: which connection takes which request ([`job`]); [`opening`]: TCP and TLS
//! - [`http1`], [`http2`]: a connection's work; [`answer`]: whether that is what was wanted
//! - [`options`]: what all profiles can be told; [`settings`]: what connections are
//! - [`servers`]: where the server is, looked up again and again
//! - [`recorder`]: every figure of a run; [`timeline`], [`events`], [`failure`]: parts of it
//! - [`play`]: a run from its first connection to its last answer; [`watch`]: what is looked at meanwhile;
//!   [`interrupt`]: an end before its time

pub mod addresses;
pub mod alarm;
pub mod answer;
pub mod events;
pub mod failure;
pub mod http1;
pub mod http2;
pub mod interrupt;
pub mod job;
pub mod opening;
pub mod options;
pub mod play;
pub mod pool;
pub mod recorder;
pub mod request;
pub mod schedule;
pub mod servers;
pub mod settings;
pub mod timeline;
pub mod watch;
