//! Refused clients, as the log tells them: once a minute each, not once an attempt.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;

use super::certificate;
use crate::client::Refusal;
use crate::telemetry;

const EVERY: Duration = Duration::from_mins(1);

/// Clients that are told apart within a minute. More are an attack, and share one line.
const TOLD_APART: usize = 256;

/// Characters of what a certificate says. Whoever is refused chose them, and a handshake has room for 64 kB.
const SHOWN: usize = 256;

#[derive(Debug, Default)]
pub struct Refusals {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// By certificate and reason.
    last: HashMap<(Vec<u8>, &'static str), Line>,
}

/// What is remembered of a line.
#[derive(Debug)]
struct Line {
    at: Instant,
    /// Attempts since.
    silent: u64,
}

impl Refusals {
    /// Counts a refusal, and logs it unless that has just been done.
    pub fn tell(&self, refusal: Refusal, chain: &[CertificateDer<'_>], peer: IpAddr) {
        telemetry::refusal(refusal.reason());
        let key = chain.first().map(|own| digest(&SHA256, own).as_ref().to_vec()).unwrap_or_default();
        let told = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.turn((key, refusal.reason()), Instant::now())
        };
        let Some(Turn { silent, is_shared }) = told else { return };
        let client = telemetry::subnet(peer);
        let (reason, why) = (refusal.reason(), refusal.explanation());
        if is_shared {
            tracing::warn!(reason, "more clients are refused than can be told one by one");
            return;
        }
        match chain.first().and_then(|own| certificate::parse(own)) {
            Some(own) => {
                let names = short(certificate::names(&own).join(", "));
                let (subject, issuer) = (short(own.subject().to_string()), short(own.issuer().to_string()));
                let serial = short(certificate::serial(&own));
                tracing::warn!(reason, client, subject, names, issuer, serial, silent, "refused a client: {why}");
            }
            None => tracing::warn!(reason, client, silent, "refused a client: {why}"),
        }
    }
}

/// Cuts what is too long for a line.
fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// A line that is due.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    /// Attempts since the last line that were not told.
    silent: u64,
    /// It stands for clients that are not told apart.
    is_shared: bool,
}

impl Told {
    fn turn(&mut self, key: (Vec<u8>, &'static str), now: Instant) -> Option<Turn> {
        if let Some(line) = self.last.get_mut(&key) {
            return line.turn(now);
        }
        if self.last.len() >= TOLD_APART {
            self.last.retain(|_, line| now.duration_since(line.at) < EVERY);
        }
        if self.last.len() >= TOLD_APART {
            let shared = (b"shared".to_vec(), "shared");
            let turn = match self.last.get_mut(&shared) {
                Some(line) => line.turn(now),
                None => Some(self.first(shared, now)),
            };
            return turn.map(|turn| Turn { is_shared: true, ..turn });
        }
        Some(self.first(key, now))
    }

    fn first(&mut self, key: (Vec<u8>, &'static str), now: Instant) -> Turn {
        self.last.insert(key, Line { at: now, silent: 0 });
        Turn { silent: 0, is_shared: false }
    }
}

impl Line {
    fn turn(&mut self, now: Instant) -> Option<Turn> {
        if now.duration_since(self.at) < EVERY {
            self.silent += 1;
            return None;
        }
        self.at = now;
        Some(Turn { silent: std::mem::take(&mut self.silent), is_shared: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_client_is_told_once_a_minute() {
        let (mut told, start) = (Told::default(), Instant::now());
        let key = || (vec![1], "revoked");
        assert_eq!(told.turn(key(), start), Some(Turn { silent: 0, is_shared: false }));
        for second in 1..60 {
            assert_eq!(told.turn(key(), start + second * SECOND), None);
        }
        assert_eq!(told.turn((vec![1], "expired"), start + SECOND), Some(Turn { silent: 0, is_shared: false }));
        assert_eq!(told.turn(key(), start + EVERY), Some(Turn { silent: 59, is_shared: false }));
    }

    #[test]
    fn what_a_certificate_says_is_cut_short() {
        assert_eq!(short("CN=a".to_owned()), "CN=a");
        assert_eq!(short("\u{fc}".repeat(60_000)), "\u{fc}".repeat(SHOWN) + "...");
    }

    #[test]
    fn an_attack_is_one_line_and_bounded() {
        let (mut told, start) = (Told::default(), Instant::now());
        let lines = (0..10_000_u32).filter_map(|client| told.turn((client.to_be_bytes().to_vec(), "path"), start));
        assert_eq!(lines.count(), TOLD_APART + 1);
        assert_eq!(told.last.len(), TOLD_APART + 1);
        assert!(told.turn((b"new".to_vec(), "path"), start + EVERY).is_some_and(|turn| !turn.is_shared));
    }
}
