//! The policy with a memory, and a voice: a chain that was let in is not verified again while its
//! decision holds, and a refusal is counted and told.
//!
//! Verifying a path costs two signatures. Clients come back with the same chain, and a resumed
//! session must be decided again at its start, so remembering halves the cost of a reconnect. What
//! is remembered is exact: a decision depends on nothing but the policy, the chain and the time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::CertificateDer;

use super::policy::Policy;
use super::refusals::Refusals;
use crate::client::{Admission, Identity};

/// Clients that are remembered: a large fleet of callers, at half a kilobyte each.
const REMEMBERED: usize = 8192;

type Fingerprint = [u8; 32];

#[derive(Debug)]
pub struct Judge {
    pub policy: Policy,
    accepted: Mutex<HashMap<Fingerprint, Accepted>>,
    refusals: Arc<Refusals>,
}

#[derive(Debug)]
struct Accepted {
    admission: Admission,
    from: SystemTime,
}

impl Judge {
    pub fn new(policy: Policy, refusals: Arc<Refusals>) -> Self {
        Self { policy, accepted: Mutex::default(), refusals }
    }

    pub fn decide(&self, chain: &[CertificateDer<'_>], peer: Option<IpAddr>, now: SystemTime) -> Admission {
        let fingerprint = fingerprint(chain);
        if let Some(admission) = self.remembered(&fingerprint, now) {
            return admission;
        }
        let decided = Arc::new(self.policy.decide(chain, now));
        match decided.as_ref() {
            Ok(_) => self.remember(fingerprint, Accepted { admission: Arc::clone(&decided), from: now }),
            Err(refusal) => {
                if let Some(peer) = peer {
                    self.refusals.tell(*refusal, chain, peer);
                }
            }
        }
        decided
    }

    fn remembered(&self, fingerprint: &Fingerprint, now: SystemTime) -> Option<Admission> {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let Accepted { admission, from } = accepted.get(fingerprint)?;
        let Ok(Identity { valid_until, .. }) = admission.as_ref() else { return None };
        (*from <= now && now <= *valid_until).then(|| Arc::clone(admission))
    }

    fn remember(&self, fingerprint: Fingerprint, decided: Accepted) {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if accepted.len() >= REMEMBERED {
            accepted.clear();
        }
        accepted.insert(fingerprint, decided);
    }
}

/// Of the whole chain as sent: the same leaf with other certificates may have another path.
fn fingerprint(chain: &[CertificateDer<'_>]) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    for certificate in chain {
        context.update(&certificate.len().to_be_bytes());
        context.update(certificate);
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}
