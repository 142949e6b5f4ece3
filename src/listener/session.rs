//! The client of one connection, and for how long the decision on it holds.
//!
//! TLS asks about a certificate once, and not at all when it resumes a session. A connection may
//! outlive its certificate, or the trust in it. So the decision is made after every handshake, and
//! again before the next request once trust has changed or its time has run out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls_pki_types::CertificateDer;

use crate::client::{Admission, Authority, Identity};

pub struct Session {
    authority: Arc<dyn Authority>,
    /// As the client sent it, its own certificate first.
    chain: Vec<CertificateDer<'static>>,
    /// None if it is the health probe.
    peer: Option<IpAddr>,
    decided: ArcSwap<Decided>,
}

struct Decided {
    admission: Admission,
    /// The generation of trust that it was decided in.
    generation: u64,
}

impl Session {
    pub fn new(
        authority: Arc<dyn Authority>,
        chain: &[CertificateDer<'_>],
        peer: Option<IpAddr>,
        now: SystemTime,
    ) -> Self {
        let chain: Vec<_> = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let decided = ArcSwap::from_pointee(decide(authority.as_ref(), &chain, peer, now));
        Self { authority, chain, peer, decided }
    }

    /// The decision that is in force at a moment.
    pub fn admission(&self, now: SystemTime) -> Admission {
        let decided = self.decided.load();
        if decided.holds(self.authority.generation(), now) {
            return Admission::clone(&decided.admission);
        }
        let again = decide(self.authority.as_ref(), &self.chain, self.peer, now);
        let admission = Admission::clone(&again.admission);
        self.decided.store(Arc::new(again));
        admission
    }
}

impl Decided {
    fn holds(&self, generation: u64, now: SystemTime) -> bool {
        match self.admission.as_ref() {
            Ok(Identity { valid_until, .. }) => self.generation == generation && now <= *valid_until,
            // A refusal is final: the connection is about to close.
            Err(_) => true,
        }
    }
}

fn decide(authority: &dyn Authority, chain: &[CertificateDer<'_>], peer: Option<IpAddr>, now: SystemTime) -> Decided {
    // Read first: if trust changes in between, the decision counts as one of the older, and is made again.
    let generation = authority.generation();
    Decided { admission: authority.decide(chain, peer, now), generation }
}
