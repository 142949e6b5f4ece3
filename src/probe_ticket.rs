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
    /// Called before connecting, and kept for as long as the connection.
    #[must_use]
    pub fn hold(&self, from: SocketAddr) -> Held {
        self.port.store(from.port(), Ordering::Release);
        Held { ticket: self.clone() }
    }

    /// Whether a connection is the probe's. The port alone would be anyone's to choose; together
    /// with an address of this host it is taken for as long as the ticket is held.
    pub fn is_held_by(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        let port = self.port.load(Ordering::Acquire);
        port != NOBODY && peer.port() == port && peer.ip().to_canonical() == local.ip().to_canonical()
    }
}

/// No connection comes from port 0.
const NOBODY: u16 = 0;

/// While this is there, the ticket is held.
pub struct Held {
    ticket: ProbeTicket,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ticket.port.store(NOBODY, Ordering::Release);
    }
}
