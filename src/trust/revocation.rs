//! All revocation lists together: which certificate of which CA is revoked, and how long that is
//! known for.
//!
//! A list's signature is checked once, when it is loaded. A handshake asks sorted serial numbers,
//! so it costs the same for a list of a million.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use x509_parser::certificate::X509Certificate;

use super::ca::{Ca, CaRef};
use super::crl::{Crl, Serial};
use crate::client::Refusal;

/// Immutable once loaded.
#[derive(Debug, Default)]
pub struct Revocation {
    lists: Vec<Signed>,
    /// For how long a list that has run out is still taken.
    grace: Duration,
}

/// A list and the CA that signed it.
#[derive(Debug)]
pub struct Signed {
    pub ca: Ca,
    pub crl: Crl,
    /// Where it was read.
    pub file: PathBuf,
}

/// What the lists of a CA say of one of its certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The CA has no list.
    Unasked,
    Revoked,
    /// Not revoked, as is known until then.
    GoodUntil(SystemTime),
    /// The CA has lists, and none is about this certificate.
    Uncovered,
}

impl Revocation {
    pub fn new(grace: Duration) -> Self {
        Self { lists: Vec::new(), grace }
    }

    pub fn lists(&self) -> &[Signed] {
        &self.lists
    }

    /// Adds a list. Of two of one CA and scope the newer stays; gives back the older.
    pub fn add(&mut self, added: Signed) -> Option<Signed> {
        match self.lists.iter_mut().find(|list| list.is_edition_of(&added)) {
            None => {
                self.lists.push(added);
                None
            }
            Some(list) if added.crl.is_older_than(&list.crl) => Some(added),
            Some(list) => Some(std::mem::replace(list, added)),
        }
    }

    pub fn has_list_of(&self, ca: CaRef<'_>) -> bool {
        self.lists.iter().any(|list| list.ca.is_same_as(ca))
    }

    /// What is known of a certificate that this CA issued.
    pub fn status(&self, issuer: CaRef<'_>, certificate: &X509Certificate<'_>, is_ca: bool) -> Status {
        let Some(serial) = Serial::new(certificate.raw_serial()) else { return Status::Uncovered };
        let mut status = Status::Unasked;
        for list in self.lists.iter().filter(|list| list.ca.is_same_as(issuer)) {
            // Whatever the list is about: its issuer says so.
            if list.crl.revokes(serial) {
                return Status::Revoked;
            }
            status = match status {
                _ if !list.crl.scope.covers(certificate, is_ca) => match status {
                    Status::Unasked => Status::Uncovered,
                    known => known,
                },
                Status::GoodUntil(until) => Status::GoodUntil(until.min(self.end_of(&list.crl))),
                _ => Status::GoodUntil(self.end_of(&list.crl)),
            };
        }
        status
    }

    /// Until when a list is taken.
    pub fn end_of(&self, crl: &Crl) -> SystemTime {
        crl.next_update + self.grace
    }
}

impl Signed {
    /// Whether two lists are of one CA and about the same certificates.
    pub fn is_edition_of(&self, other: &Self) -> bool {
        self.ca.is_same_as(other.ca.as_ref()) && self.crl.scope == other.crl.scope
    }
}

/// How what is known of all certificates on a path adds up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Currency {
    /// Until when the lists hold; without end if there are none.
    pub until: Option<SystemTime>,
    /// A certificate whose issuer has lists is on none of them.
    is_uncovered: bool,
}

impl Currency {
    /// # Errors
    /// If the certificate is revoked.
    pub fn add(&mut self, status: Status) -> Result<(), Refusal> {
        match status {
            Status::Unasked => {}
            Status::Revoked => return Err(Refusal::Revoked),
            Status::GoodUntil(until) => self.until = Some(self.until.map_or(until, |earlier| earlier.min(until))),
            Status::Uncovered => self.is_uncovered = true,
        }
        Ok(())
    }

    /// Whether nothing that is needed is missing or has run out.
    ///
    /// # Errors
    /// What is.
    pub fn at(&self, now: SystemTime) -> Result<(), Refusal> {
        match self.until {
            _ if self.is_uncovered => Err(Refusal::CrlMissing),
            Some(until) if until < now => Err(Refusal::CrlExpired),
            _ => Ok(()),
        }
    }
}
