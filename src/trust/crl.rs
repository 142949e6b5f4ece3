//! One certificate revocation list (RFC 5280, section 5), read strictly.
//!
//! Its entries are read one by one: a list of a million costs 21 MB, not the tenfold. What can't be
//! understood in full is refused: a list half understood revokes half.

use std::time::SystemTime;

use x509_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::num_bigint::BigUint;
use x509_parser::revocation_list::RevokedCertificate;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{ReasonCode, X509Name};

use super::certificate::moment;
use super::scope::Scope;

/// What a revocation list says, not yet known to be its issuer's.
#[derive(Debug)]
pub struct Crl {
    /// The issuer's name, for people.
    pub issuer: String,
    /// The same without its outer SEQUENCE.
    pub issuer_subject: Vec<u8>,
    pub number: Option<BigUint>,
    pub this_update: SystemTime,
    pub next_update: SystemTime,
    pub scope: Scope,
    /// In order.
    serials: Box<[Serial]>,
}

/// A serial number, padded as a whole number in two's complement: 20 octets (RFC 5280, section
/// 4.1.2.2) and one for the sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serial([u8; 21]);

impl Serial {
    /// From the content of an INTEGER. None if it is too long.
    pub fn new(content: &[u8]) -> Option<Self> {
        let sign = if *content.first()? & 0x80 == 0 { 0 } else { 0xff };
        let mut padded = [sign; 21];
        padded.get_mut(21_usize.checked_sub(content.len())?..)?.copy_from_slice(content);
        Some(Self(padded))
    }
}

/// An entry, for people.
pub struct Entry {
    pub serial: String,
    pub revoked_at: SystemTime,
    pub reason: Option<ReasonCode>,
}

impl Crl {
    /// Reads a DER-encoded list. Its signature is not looked at.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(der: &[u8]) -> Result<Self, String> {
        let parts = Parts::of(der)?;
        let mut serials = Vec::new();
        parts.entries(|entry| {
            check_entry(&entry)?;
            serials.push(Serial::new(entry.raw_serial()).ok_or_else(|| {
                format!("an entry's serial number {} is longer than 20 octets", entry.raw_serial_as_string())
            })?);
            Ok(())
        })?;
        serials.sort_unstable();
        serials.dedup();
        let Extensions { number, scope } = Extensions::read(parts.extensions)?;
        let (_, subject) = Any::from_der(parts.issuer.as_raw()).map_err(unreadable)?;
        let next_update = parts
            .next_update
            .ok_or("it has no nextUpdate, so nobody can tell when it is out of date (RFC 5280, section 5.1.2.5)")?;
        Ok(Self {
            issuer: parts.issuer.to_string(),
            issuer_subject: subject.data.to_vec(),
            number,
            this_update: moment(parts.this_update),
            next_update: moment(next_update),
            scope,
            serials: serials.into_boxed_slice(),
        })
    }

    /// Gives its entries for people, in the order of the list, until told that it is enough.
    ///
    /// # Errors
    /// If an entry can't be read.
    pub fn entries(der: &[u8], mut show: impl FnMut(Entry)) -> Result<(), String> {
        Parts::of(der)?.entries(|entry| {
            show(Entry {
                serial: entry.raw_serial_as_string(),
                revoked_at: moment(entry.revocation_date),
                reason: entry.reason_code().map(|(_, reason)| reason),
            });
            Ok(())
        })
    }

    pub fn revokes(&self, serial: Serial) -> bool {
        self.serials.binary_search(&serial).is_ok()
    }

    /// How many certificates it revokes.
    pub fn len(&self) -> usize {
        self.serials.len()
    }

    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// `number 7`, or when it was made where it has none.
    pub fn edition(&self) -> String {
        match &self.number {
            Some(number) => format!("number {number}"),
            None => format!("of {}", crate::table::moment::written(self.this_update)),
        }
    }

    /// Whether it was made before another of the same issuer and scope.
    pub fn is_older_than(&self, other: &Self) -> bool {
        match (&self.number, &other.number) {
            (Some(own), Some(others)) if own != others => own < others,
            (None, Some(_)) => true,
            _ => self.this_update < other.this_update,
        }
    }
}

/// A list taken apart as far as its entries, which may be many.
struct Parts<'d> {
    issuer: X509Name<'d>,
    this_update: ASN1Time,
    next_update: Option<ASN1Time>,
    /// The content of the list of entries.
    entries: &'d [u8],
    /// The content of the extensions' outer tag.
    extensions: &'d [u8],
}

fn unreadable<E>(_: E) -> String {
    "it is not a well-formed revocation list".to_owned()
}

impl<'d> Parts<'d> {
    fn of(der: &'d [u8]) -> Result<Self, String> {
        let (after, whole) = Any::from_der(der).map_err(unreadable)?;
        let (rest, tbs) = Any::from_der(whole.data).map_err(unreadable)?;
        let (_, algorithm) = Any::from_der(rest).map_err(unreadable)?;
        if !after.is_empty() || whole.tag() != Tag::Sequence || tbs.tag() != Tag::Sequence {
            return Err(unreadable(()));
        }
        let (rest, version) = Any::from_der(tbs.data).map_err(unreadable)?;
        if version.tag() != Tag::Integer || version.data != [1] {
            return Err("it is not a version 2 list (RFC 5280, section 5.1.2.1)".to_owned());
        }
        let (rest, inner_algorithm) = Any::from_der(rest).map_err(unreadable)?;
        if inner_algorithm.data != algorithm.data {
            return Err("it names two signature algorithms (RFC 5280, section 5.1.1.2)".to_owned());
        }
        let (rest, issuer) = X509Name::from_der(rest).map_err(unreadable)?;
        let (rest, this_update) = ASN1Time::from_der(rest).map_err(unreadable)?;
        let (mut rest, next_update) = match ASN1Time::from_der(rest) {
            Ok((after, time)) => (after, Some(time)),
            Err(_) => (rest, None),
        };
        let mut entries: &[u8] = &[];
        let mut extensions: &[u8] = &[];
        if let Ok((after, any)) = Any::from_der(rest)
            && any.tag() == Tag::Sequence
        {
            (rest, entries) = (after, any.data);
        }
        if let Ok((after, any)) = Any::from_der(rest)
            && any.header.is_contextspecific()
            && any.tag() == Tag(0)
        {
            (rest, extensions) = (after, any.data);
        }
        if !rest.is_empty() {
            return Err(unreadable(()));
        }
        Ok(Self { issuer, this_update, next_update, entries, extensions })
    }

    fn entries(&self, mut each: impl FnMut(RevokedCertificate<'d>) -> Result<(), String>) -> Result<(), String> {
        let mut rest = self.entries;
        while !rest.is_empty() {
            let (after, entry) =
                RevokedCertificate::from_der(rest).map_err(|_| "an entry of it is not well formed".to_owned())?;
            each(entry)?;
            rest = after;
        }
        Ok(())
    }
}

/// Extensions that x509-parser leaves unread.
const CERTIFICATE_ISSUER: &str = "2.5.29.29";
const DELTA: &str = "2.5.29.27";

/// An entry may carry what changes its meaning: then the list must not be used (RFC 5280, section
/// 5.3).
fn check_entry(entry: &RevokedCertificate<'_>) -> Result<(), String> {
    for extension in entry.extensions() {
        if extension.oid.to_id_string() == CERTIFICATE_ISSUER {
            return Err("it is an indirect list: an entry names another issuer; take that issuer's own".to_owned());
        }
        let is_known =
            matches!(extension.parsed_extension(), ParsedExtension::ReasonCode(_) | ParsedExtension::InvalidityDate(_));
        if extension.critical && !is_known {
            return Err(format!("an entry has a critical extension that is not understood: {}", extension.oid));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Extensions {
    number: Option<BigUint>,
    scope: Scope,
}

impl Extensions {
    fn read(content: &[u8]) -> Result<Self, String> {
        let mut read = Self::default();
        let mut seen = Vec::new();
        if content.is_empty() {
            return Ok(read);
        }
        let (after, sequence) = Any::from_der(content).map_err(unreadable)?;
        let mut rest = sequence.data;
        while !rest.is_empty() {
            let (next, extension) = X509Extension::from_der(rest).map_err(unreadable)?;
            if seen.contains(&extension.oid) {
                return Err(format!("it has the extension {} twice", extension.oid));
            }
            read.take(&extension)?;
            seen.push(extension.oid);
            rest = next;
        }
        if after.is_empty() { Ok(read) } else { Err(unreadable(())) }
    }

    fn take(&mut self, extension: &X509Extension<'_>) -> Result<(), String> {
        match extension.parsed_extension() {
            ParsedExtension::CRLNumber(number) => self.number = Some(number.clone()),
            ParsedExtension::IssuingDistributionPoint(_) => self.scope = Scope::read(extension.value)?,
            ParsedExtension::ParseError { .. } => {
                return Err(format!("its extension {} is not well formed", extension.oid));
            }
            _ if extension.oid.to_id_string() == DELTA => {
                return Err("it is a delta list, which says only what has changed; take the complete one".to_owned());
            }
            ParsedExtension::AuthorityKeyIdentifier(_) => {}
            _ if extension.critical => {
                return Err(format!("it has a critical extension that is not understood: {}", extension.oid));
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_whole_numbers() {
        assert_eq!(Serial::new(&[5]), Serial::new(&[0, 5]));
        assert_ne!(Serial::new(&[0xff]), Serial::new(&[0, 0xff]), "-1 and 255");
        assert!(Serial::new(&[1; 20]).is_some());
        assert_eq!(Serial::new(&[1; 22]), None);
        assert_eq!(Serial::new(&[]), None);
    }
}
