//! Certificates for trying things out: a root, two issuing CAs with their revocation lists, a
//! server, a client of each, and some that must be refused.
//!
//! ECDSA P-256, valid for a year, private keys readable by their owner only. Nothing that exists
//! is ever overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType,
    SerialNumber,
};
use time::{Duration, OffsetDateTime};

const DAYS: i64 = 365;

/// A clock that lags a little must not make them look not yet valid.
const LAG: Duration = Duration::hours(1);

/// Every file, and what it is for.
pub const FILES: [(&str, &str); 20] = [
    ("root.pem", "the root: `clients.ca`"),
    ("root.key", ""),
    ("media-ca.pem", "issues clients that may look up"),
    ("media-ca.key", ""),
    ("media-ca.crl", "what it has revoked: the certificate in revoked.pem"),
    ("ops-ca.pem", "issues the server, and clients that may operate it"),
    ("ops-ca.key", ""),
    ("ops-ca.crl", "what it has revoked: nothing"),
    ("server.pem", "the server, for localhost"),
    ("server.key", ""),
    ("client.pem", "media-selector-1.example, role `lookup`"),
    ("client.key", ""),
    ("ops.pem", "ops-1.example, role `admin`"),
    ("ops.key", ""),
    ("probe.pem", "probe.example, role `probe`: the health check"),
    ("probe.key", ""),
    ("revoked.pem", "media-selector-9.example, refused: revoked"),
    ("revoked.key", ""),
    ("evil.pem", "media-selector-1.example, refused: by another CA below the same root"),
    ("evil.key", ""),
];

/// Makes the certificates in a directory, unless they are there. Says whether it made them.
///
/// # Errors
/// If a file can't be written, or some are there and others are not.
pub fn make(directory: &Path, now: OffsetDateTime) -> io::Result<bool> {
    let (there, missing): (Vec<&str>, Vec<&str>) =
        FILES.iter().map(|(name, _)| *name).partition(|name| directory.join(name).symlink_metadata().is_ok());
    match (there.first(), missing.first()) {
        (Some(_), None) => return Ok(false),
        (Some(there), Some(missing)) => {
            let directory = directory.display();
            return Err(io::Error::other(format!(
                "{directory} has {there} but not {missing}, and nothing is overwritten; remove {directory} to have all of it made anew"
            )));
        }
        (None, _) => {}
    }
    let not_made = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", directory.display()));
    fs::create_dir_all(directory).map_err(not_made)?;
    let made = Made { directory, now };
    let root = made.authority("Croupier development root", None)?;
    let media = made.authority("Croupier development media CA", Some(&root))?;
    let ops = made.authority("Croupier development ops CA", Some(&root))?;
    let evil = made.authority("Croupier development evil CA", Some(&root))?;
    let local = [
        SanType::DnsName("localhost".try_into().map_err(io::Error::other)?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    let server = ExtendedKeyUsagePurpose::ServerAuth;
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    made.leaf("server", "localhost", local.to_vec(), server, &ops)?;
    made.leaf("client", "media-selector-1", dns("media-selector-1.example")?, client.clone(), &media)?;
    made.leaf("ops", "ops-1", dns("ops-1.example")?, client.clone(), &ops)?;
    made.leaf("probe", "probe", dns("probe.example")?, client.clone(), &ops)?;
    let revoked = made.leaf("revoked", "media-selector-9", dns("media-selector-9.example")?, client.clone(), &media)?;
    made.leaf("evil", "media-selector-1", dns("media-selector-1.example")?, client, &evil)?;
    for (file, issuer, revoked) in [("media-ca", &media, Some(revoked)), ("ops-ca", &ops, None)] {
        made.write_secret(&format!("{file}.key"), &issuer.key().serialize_pem())?;
        made.write(&format!("{file}.crl"), &made.revocation_list(issuer, revoked)?)?;
        made.write(&format!("{file}.pem"), &issuer.pem())?;
    }
    made.write_secret("root.key", &root.key().serialize_pem())?;
    made.write("root.pem", &root.pem())?;
    Ok(true)
}

type Authority = CertifiedIssuer<'static, KeyPair>;

struct Made<'m> {
    directory: &'m Path,
    now: OffsetDateTime,
}

impl Made<'_> {
    fn authority(&self, name: &str, parent: Option<&Authority>) -> io::Result<Authority> {
        let mut parameters = self.parameters(name);
        let depth = parent.map_or(BasicConstraints::Unconstrained, |_| BasicConstraints::Constrained(0));
        parameters.is_ca = IsCa::Ca(depth);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        match parent {
            Some(parent) => CertifiedIssuer::signed_by(parameters, key, parent),
            None => CertifiedIssuer::self_signed(parameters, key),
        }
        .map_err(io::Error::other)
    }

    /// Writes a certificate and its key. Gives its serial number.
    fn leaf(
        &self,
        file: &str,
        name: &str,
        alternative_names: Vec<SanType>,
        purpose: ExtendedKeyUsagePurpose,
        issuer: &Authority,
    ) -> io::Result<SerialNumber> {
        let mut serial = [0; 16];
        aws_lc_rs::rand::fill(&mut serial).map_err(io::Error::other)?;
        // Positive, as RFC 5280, section 4.1.2.2 wants it, and of a length that does not vary.
        serial[0] = serial[0] & 0x7f | 0x40;
        let serial = SerialNumber::from_slice(&serial);
        let mut parameters = self.parameters(name);
        parameters.serial_number = Some(serial.clone());
        parameters.subject_alt_names = alternative_names;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = parameters.signed_by(&key, issuer).map_err(io::Error::other)?;
        self.write_secret(&format!("{file}.key"), &key.serialize_pem())?;
        self.write(&format!("{file}.pem"), &(certificate.pem() + &issuer.pem()))?;
        Ok(serial)
    }

    fn revocation_list(&self, issuer: &Authority, revoked: Option<SerialNumber>) -> io::Result<String> {
        let entry = |serial_number| RevokedCertParams {
            serial_number,
            revocation_time: self.now - LAG,
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let parameters = CertificateRevocationListParams {
            this_update: self.now - LAG,
            next_update: self.now + Duration::days(DAYS),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.into_iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        parameters.signed_by(issuer).and_then(|list| list.pem()).map_err(io::Error::other)
    }

    fn parameters(&self, name: &str) -> CertificateParams {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.not_before = self.now - LAG;
        parameters.not_after = self.now + Duration::days(DAYS);
        parameters.use_authority_key_identifier_extension = true;
        parameters
    }

    fn write(&self, name: &str, pem: &str) -> io::Result<()> {
        self.write_with_mode(name, pem, 0o644)
    }

    fn write_secret(&self, name: &str, pem: &str) -> io::Result<()> {
        self.write_with_mode(name, pem, 0o600)
    }

    fn write_with_mode(&self, name: &str, pem: &str, mode: u32) -> io::Result<()> {
        let path = self.directory.join(name);
        let in_the_way = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(in_the_way)?;
        file.write_all(pem.as_bytes())
    }
}

fn dns(name: &str) -> io::Result<Vec<SanType>> {
    Ok(vec![SanType::DnsName(name.try_into().map_err(io::Error::other)?)])
}
