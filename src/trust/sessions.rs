//! Sessions that clients may resume: tickets and a small store, the same before and after a reload.
//!
//! A storm of reconnects is bearable because a resumed handshake costs half. So a new revocation list
//! must not end all sessions; what is resumed is decided again instead (`listener::session`).

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

/// Sessions of TLS 1.2 clients that take no tickets, at about two kilobytes each.
const STORED: usize = 4096;

#[derive(Clone)]
pub struct Sessions {
    /// Keys of its own, renewed every six hours; a ticket is good for twelve. None if the system has
    /// no randomness for one: sessions are stored then.
    ticketer: Option<Arc<dyn ProducesTickets>>,
    stored: Arc<dyn StoresServerSessions>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { ticketer: Ticketer::new().ok(), stored: ServerSessionMemoryCache::new(STORED) }
    }
}

impl Sessions {
    /// Lets a configuration resume these sessions.
    pub fn resume(&self, tls: &mut ServerConfig) {
        tls.session_storage = Arc::clone(&self.stored);
        if let Some(ticketer) = &self.ticketer {
            tls.ticketer = Arc::clone(ticketer);
        }
    }
}
