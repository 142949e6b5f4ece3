//! Certificates for trying things out: a root, two issuing CAs, a server, a client of each.
//!
//! ECDSA P-256, valid for a year, private keys readable by their owner only. Nothing that exists
//! is ever overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

const DAYS: i64 = 365;

/// The last file that is written: where it exists, all do.
const LAST: &str = "root.pem";

/// Makes the certificates in a directory, unless they are there. Says whether it made them.
///
/// # Errors
/// If a file can't be written, or one of an incomplete set is in the way.
pub fn make(directory: &Path, now: OffsetDateTime) -> io::Result<bool> {
    if directory.join(LAST).exists() {
        return Ok(false);
    }
    fs::create_dir_all(directory)?;
    let root = authority("Croupier development root", None, now)?;
    let media = authority("Croupier development media CA", Some(&root), now)?;
    let ops = authority("Croupier development ops CA", Some(&root), now)?;
    let local = [
        SanType::DnsName("localhost".try_into().map_err(io::Error::other)?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    let server = ExtendedKeyUsagePurpose::ServerAuth;
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let leaves = [
        ("server", "localhost", local.to_vec(), server, &ops),
        ("client", "media-selector-1", dns("media-selector-1.example")?, client.clone(), &media),
        ("ops", "ops-1", dns("ops-1.example")?, client.clone(), &ops),
        ("probe", "probe", dns("probe.example")?, client, &ops),
    ];
    for (file, name, alternative_names, purpose, issuer) in leaves {
        let mut parameters = parameters(name, now);
        parameters.subject_alt_names = alternative_names;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = parameters.signed_by(&key, issuer).map_err(io::Error::other)?;
        write_secret(&directory.join(format!("{file}.key")), &key.serialize_pem())?;
        write(&directory.join(format!("{file}.pem")), &(certificate.pem() + &issuer.pem()))?;
    }
    for (file, issuer) in [("media-ca", &media), ("ops-ca", &ops)] {
        write_secret(&directory.join(format!("{file}.key")), &issuer.key().serialize_pem())?;
        write(&directory.join(format!("{file}.pem")), &issuer.pem())?;
    }
    write_secret(&directory.join("root.key"), &root.key().serialize_pem())?;
    write(&directory.join(LAST), &root.pem())?;
    Ok(true)
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str, parent: Option<&Authority>, now: OffsetDateTime) -> io::Result<Authority> {
    let mut parameters = parameters(name, now);
    parameters.is_ca = IsCa::Ca(parent.map_or(BasicConstraints::Unconstrained, |_| BasicConstraints::Constrained(0)));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(io::Error::other)?;
    match parent {
        Some(parent) => CertifiedIssuer::signed_by(parameters, key, parent),
        None => CertifiedIssuer::self_signed(parameters, key),
    }
    .map_err(io::Error::other)
}

fn parameters(name: &str, now: OffsetDateTime) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    // A clock that lags a little must not make them look not yet valid.
    parameters.not_before = now - Duration::hours(1);
    parameters.not_after = now + Duration::days(DAYS);
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

fn dns(name: &str) -> io::Result<Vec<SanType>> {
    Ok(vec![SanType::DnsName(name.try_into().map_err(io::Error::other)?)])
}

fn write(path: &Path, pem: &str) -> io::Result<()> {
    write_with_mode(path, pem, 0o644)
}

fn write_secret(path: &Path, pem: &str) -> io::Result<()> {
    write_with_mode(path, pem, 0o600)
}

fn write_with_mode(path: &Path, pem: &str, mode: u32) -> io::Result<()> {
    let in_the_way = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(in_the_way)?;
    file.write_all(pem.as_bytes())
}
