//! The TLS listeners: accept, handshake, HTTP, and every time limit on the way.
//!
//! - [`accept`]: the accept loop, which never ends by itself
//! - [`connection`]: one connection from its handshake to its end
//! - [`turns`]: how a storm of handshakes leaves room for requests
//! - [`session`]: the decision on its client, and for how long it holds
//! - [`activity`]: what a connection is doing, and for how long it may
//! - [`stream`]: the bytes, watched

pub mod accept;
pub mod activity;
pub mod connection;
pub mod session;
pub mod stream;
pub mod turns;

pub use accept::{Listener, bind, run};
pub use turns::Turns;
