//! Revocation lists that no tool makes, taken apart and signed again.

use x509_parser::asn1_rs::{Any, FromDer};

use crate::harness::{Authority, Crl};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const EXTENSIONS: u8 = 0xa0;

const CRITICAL: &[u8] = &[0x01, 0x01, 0xff];

const CRL_NUMBER: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x14];
const DELTA: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x1b];
const DISTRIBUTION_POINT: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x1c];
const CERTIFICATE_ISSUER: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x1d];
const PRIVATE: &[u8] = &[0x06, 0x07, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x86, 0x1f];

/// What a list says, part by part: version, algorithm, issuer, thisUpdate, nextUpdate, entries,
/// extensions.
struct Parts(Vec<Vec<u8>>);

const NEXT_UPDATE: usize = 4;
const ENTRIES: usize = 5;

impl Parts {
    fn of(crl: &Crl, authority: &Authority) -> Self {
        let whole = crl.signed_by(authority);
        Self(parts(&parts(whole.der())[0]))
    }

    /// Adds an extension, critical as it is.
    fn with(mut self, name: &[u8], value: &[u8]) -> Self {
        let added = encoded(SEQUENCE, &[name, CRITICAL, &encoded(OCTET_STRING, value)].concat());
        let mut extensions = parts(&parts(&self.0.pop().unwrap())[0]);
        extensions.push(added);
        self.0.push(encoded(EXTENSIONS, &encoded(SEQUENCE, &extensions.concat())));
        self
    }

    fn without(mut self, part: usize) -> Self {
        self.0.remove(part);
        self
    }

    /// Adds an extension to the first entry.
    fn with_entry(mut self, name: &[u8], value: &[u8]) -> Self {
        let mut entries = parts(&self.0[ENTRIES]);
        let mut entry = parts(&entries[0]);
        entry.truncate(2);
        let extension = encoded(SEQUENCE, &[name, CRITICAL, &encoded(OCTET_STRING, value)].concat());
        entry.push(encoded(SEQUENCE, &extension));
        entries[0] = encoded(SEQUENCE, &entry.concat());
        self.0[ENTRIES] = encoded(SEQUENCE, &entries.concat());
        self
    }

    fn signed_by(self, authority: &Authority) -> Vec<u8> {
        let algorithm = self.0[1].clone();
        let message = encoded(SEQUENCE, &self.0.concat());
        let signature = encoded(BIT_STRING, &[&[0], authority.sign(&message).as_slice()].concat());
        encoded(SEQUENCE, &[message, algorithm, signature].concat())
    }
}

/// Taken apart and put together again, otherwise as it was.
pub fn same(crl: &Crl, authority: &Authority) -> Vec<u8> {
    Parts::of(crl, authority).signed_by(authority)
}

/// Only what has changed since the list of number 1.
pub fn delta(crl: &Crl, authority: &Authority) -> Vec<u8> {
    Parts::of(crl, authority).with(DELTA, &encoded(INTEGER, &[1])).signed_by(authority)
}

/// Also about certificates of other issuers.
pub fn indirect(crl: &Crl, authority: &Authority) -> Vec<u8> {
    const INDIRECT: [u8; 3] = [0x84, 1, 0xff];
    Parts::of(crl, authority).with(DISTRIBUTION_POINT, &encoded(SEQUENCE, &INDIRECT)).signed_by(authority)
}

/// Only about revocations for one reason: keyCompromise.
pub fn for_a_reason(crl: &Crl, authority: &Authority) -> Vec<u8> {
    const REASONS: [u8; 4] = [0x83, 2, 6, 0x40];
    Parts::of(crl, authority).with(DISTRIBUTION_POINT, &encoded(SEQUENCE, &REASONS)).signed_by(authority)
}

/// With a critical extension that nobody knows.
pub fn unknown_extension(crl: &Crl, authority: &Authority) -> Vec<u8> {
    Parts::of(crl, authority).with(PRIVATE, &encoded(INTEGER, &[1])).signed_by(authority)
}

/// With two numbers.
pub fn two_numbers(crl: &Crl, authority: &Authority) -> Vec<u8> {
    Parts::of(crl, authority).with(CRL_NUMBER, &encoded(INTEGER, &[9])).signed_by(authority)
}

/// Good for ever, as it says.
pub fn without_end(crl: &Crl, authority: &Authority) -> Vec<u8> {
    Parts::of(crl, authority).without(NEXT_UPDATE).signed_by(authority)
}

/// Its first entry is of another issuer's certificate.
pub fn foreign_entry(crl: &Crl, authority: &Authority) -> Vec<u8> {
    const DNS_NAME: [u8; 5] = [0x82, 3, b'x', b'.', b'y'];
    Parts::of(crl, authority).with_entry(CERTIFICATE_ISSUER, &encoded(SEQUENCE, &DNS_NAME)).signed_by(authority)
}

/// Its first entry has a critical extension that nobody knows.
pub fn unknown_entry_extension(crl: &Crl, authority: &Authority) -> Vec<u8> {
    Parts::of(crl, authority).with_entry(PRIVATE, &encoded(INTEGER, &[1])).signed_by(authority)
}

/// In the name of one authority, and signed by another.
pub fn signed_by_another(crl: &Crl, named: &Authority, signer: &Authority) -> Vec<u8> {
    Parts::of(crl, named).signed_by(signer)
}

/// The parts within an encoding.
fn parts(der: &[u8]) -> Vec<Vec<u8>> {
    let (_, whole) = Any::from_der(der).unwrap();
    let mut rest = whole.data;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (after, _) = Any::from_der(rest).unwrap();
        parts.push(rest[..rest.len() - after.len()].to_vec());
        rest = after;
    }
    parts
}

fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let length = match significant {
        [short @ 0..0x80] => vec![*short],
        long => [&[0x80 | u8::try_from(long.len()).unwrap()], long].concat(),
    };
    [&[tag], length.as_slice(), content].concat()
}
