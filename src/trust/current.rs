//! Trust in service: one pointer that readers load and one publisher stores.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;

use super::load::Trust;
use crate::client::{Admission, Authority, Credentials, Identity, Refusal};
use crate::telemetry;

struct Current {
    trust: ArcSwap<Trust>,
    /// Of its own, so that a request compares a number and loads nothing. It grows after the
    /// pointer is stored: who sees it grown sees what it counts.
    generation: AtomicU64,
}

/// Begins with the first state, generation 1.
pub fn publish_first(trust: Trust) -> (Publisher, Reader) {
    let current = Arc::new(Current { trust: ArcSwap::from_pointee(trust), generation: AtomicU64::new(1) });
    telemetry::trust_published(1);
    (Publisher { current: Arc::clone(&current) }, Reader { current })
}

/// What serving holds: it can look, not change.
#[derive(Clone)]
pub struct Reader {
    current: Arc<Current>,
}

impl Authority for Reader {
    fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.trust.load().tls)
    }

    fn generation(&self) -> u64 {
        self.current.generation.load(Ordering::Acquire)
    }

    fn decide(&self, chain: &[CertificateDer<'_>], peer: Option<IpAddr>, now: SystemTime) -> Admission {
        self.current.trust.load().judge.decide(chain, peer, now)
    }

    fn foresee(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Identity, Refusal> {
        self.current.trust.load().judge.policy.decide(chain, now)
    }

    fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.current.trust.load().credentials)
    }
}

/// What reloading holds. There is one.
pub struct Publisher {
    current: Arc<Current>,
}

impl Publisher {
    pub fn generation(&self) -> u64 {
        self.current.generation.load(Ordering::Acquire)
    }

    /// What is in service.
    pub fn trust(&self) -> Arc<Trust> {
        self.current.trust.load_full()
    }

    /// Puts trust into service and gives its generation.
    pub fn publish(&mut self, trust: Trust) -> u64 {
        self.current.trust.store(Arc::new(trust));
        let generation = self.current.generation.fetch_add(1, Ordering::AcqRel) + 1;
        telemetry::trust_published(generation);
        generation
    }
}
