//! How a TLS acceptor knows the health probe's own connections, which take no place of a client's
//! and count as nobody's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

/// Shared by the probe and one acceptor: the local port that the probe connects from.
#[derive(Clone, Default)]
pub struct ProbeTicket {
    port: Arc<AtomicU16>,
}

impl ProbeTicket {
    /// Called before connecting.
    pub fn hold(&self, from: SocketAddr) {
        self.port.store(from.port(), Ordering::Release);
    }

    /// Whether a connection is the probe's. Only this host can take part: the port alone would
    /// be anyone's to choose.
    pub fn is_held_by(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        peer.port() == self.port.load(Ordering::Acquire) && peer.ip().to_canonical() == local.ip().to_canonical()
    }
}
