//! The client of one connection, and for how long the decision on it holds.
//!
//! TLS asks about a certificate once, and not at all when it resumes a session. A connection may
//! outlive its certificate, so the decision is made after every handshake and again when it runs out.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls_pki_types::CertificateDer;

use crate::client::{Admission, Authority, Identity};
use crate::telemetry;

pub struct Session {
    authority: Arc<dyn Authority>,
    /// As the client sent it, its own certificate first.
    chain: Vec<CertificateDer<'static>>,
    decided: ArcSwap<Admission>,
}

impl Session {
    pub fn new(authority: Arc<dyn Authority>, chain: &[CertificateDer<'_>], now: SystemTime) -> Self {
        let chain: Vec<_> = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let decided = ArcSwap::from_pointee(decide(authority.as_ref(), &chain, now));
        Self { authority, chain, decided }
    }

    /// The decision that is in force at a moment.
    pub fn admission(&self, now: SystemTime) -> Admission {
        let decided = self.decided.load();
        match decided.as_ref().as_ref() {
            Ok(Identity { valid_until, .. }) if *valid_until < now => {}
            // A refusal is final: the connection is about to close.
            _ => return Admission::clone(&decided),
        }
        let again = decide(self.authority.as_ref(), &self.chain, now);
        self.decided.store(Arc::new(Admission::clone(&again)));
        again
    }
}

fn decide(authority: &dyn Authority, chain: &[CertificateDer<'_>], now: SystemTime) -> Admission {
    let decided = authority.decide(chain, now);
    if let Err(refusal) = decided {
        telemetry::refusal(refusal.reason());
    }
    Arc::new(decided)
}
