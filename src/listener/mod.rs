//! The TLS listeners: accept, handshake, HTTP, and every time limit on the way.
//!
//! - [`accept`]: the accept loop, which never ends by itself
//! - [`socket`]: bound here, or passed on
//! - [`arrivals`]: those that wait to be accepted, up to the last
//! - [`connection`]: one connection from its handshake to its end
//! - [`handshake`]: on threads of lower priority, with [`carried`] streams
//! - [`mod@quick`]: requests answered where they are read; [`request`]: all others
//! - [`session`]: the decision on its client, and for how long it holds
//! - [`activity`]: what a connection is doing, and for how long it may
//! - [`stream`]: the bytes, watched

pub mod accept;
pub mod activity;
pub mod arrivals;
pub mod carried;
pub mod connection;
pub mod handshake;
pub mod quick;
pub mod request;
pub mod session;
pub mod socket;
pub mod stream;

pub use accept::{Listener, run};
pub use handshake::Handshakes;
pub use socket::{Socket, check_backlog};
