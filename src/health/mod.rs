//! Health: what load balancers ask, and believe.
//!
//! A ping says "healthy" when a service isn't, so a background probe does the real thing once a
//! second and the listener only tells its latest results. Both run on a thread of their own: a
//! process whose serving threads are stuck must still be able to say so.
//!
//! - [`report`]: checks, results, and what they add up to
//! - [`monitor`]: the probe's rounds
//! - [`acceptor`]: one look at a TLS listener, from the outside
//! - [`server`]: `/health`, `/readyz`, `/livez`, `/metrics`

pub mod acceptor;
pub mod monitor;
pub mod report;
pub mod server;

pub use acceptor::Acceptor;
pub use monitor::{Live, Monitor, Subjects};
