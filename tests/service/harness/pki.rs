//! Certificates made on the spot: a root, two issuing CAs below it, and leaves as odd as needed.

use std::ops::Range;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CrlIssuingDistributionPoint,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams,
    SanType, SerialNumber, SigningKey,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

/// The root, and the issuing CAs that the configuration allows.
pub struct Pki {
    pub root: Authority,
    pub media: Authority,
    pub ops: Authority,
}

impl Pki {
    pub fn new() -> Self {
        let root = Authority::root("Test root");
        Self { media: root.issuing("Test media CA"), ops: root.issuing("Test ops CA"), root }
    }
}

/// A CA with its key.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn root(name: &str) -> Self {
        Self::new(name, None, |_| {})
    }

    /// A CA below this one that may issue leaves only.
    pub fn issuing(&self, name: &str) -> Self {
        self.below(name, |parameters| parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)))
    }

    /// A CA below this one, changed as wanted before it is signed.
    pub fn below(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::new(name, Some(self), change)
    }

    fn new(name: &str, parent: Option<&Self>, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = parameters(name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let issuer = match parent {
            Some(parent) => CertifiedIssuer::signed_by(parameters, key, &parent.issuer),
            None => CertifiedIssuer::self_signed(parameters, key),
        };
        Self { issuer: issuer.unwrap() }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A signature by its key, ECDSA with SHA-256: for what is put together by hand.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.issuer.key().sign(message).unwrap()
    }
}

/// A revocation list to be: number 1, from an hour ago for a day, unless said otherwise.
#[derive(Clone)]
pub struct Crl {
    number: u64,
    from: Duration,
    to: Duration,
    revoked: Vec<SerialNumber>,
    point: Option<String>,
}

impl Crl {
    /// Revokes nothing.
    pub fn new() -> Self {
        Self { number: 1, from: -Duration::hours(1), to: Duration::days(1), revoked: Vec::new(), point: None }
    }

    /// Revokes this leaf, or a CA's certificate by [`revoking_ca`](Self::revoking_ca).
    pub fn revoking(mut self, identity: &Identity) -> Self {
        self.revoked.push(serial(&identity.chain[0]));
        self
    }

    pub fn revoking_ca(mut self, authority: &Authority) -> Self {
        self.revoked.push(serial(&authority.der()));
        self
    }

    /// Revokes whatever certificates have these serial numbers.
    pub fn revoking_serials(mut self, serials: Range<u32>) -> Self {
        self.revoked.extend(serials.map(|serial| SerialNumber::from(u64::from(serial))));
        self
    }

    pub fn number(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    /// In date from and to, as distances from now.
    pub fn valid(mut self, from: Duration, to: Duration) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// Only about certificates that name this distribution point.
    pub fn point(mut self, uri: &str) -> Self {
        self.point = Some(uri.to_owned());
        self
    }

    pub fn signed_by(&self, authority: &Authority) -> rcgen::CertificateRevocationList {
        let now = OffsetDateTime::now_utc();
        let entry = |serial: &SerialNumber| RevokedCertParams {
            serial_number: serial.clone(),
            revocation_time: now - Duration::minutes(1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let parameters = CertificateRevocationListParams {
            this_update: now + self.from,
            next_update: now + self.to,
            crl_number: SerialNumber::from(self.number),
            issuing_distribution_point: self.point.as_ref().map(|uri| CrlIssuingDistributionPoint {
                distribution_point: rcgen::CrlDistributionPoint { uris: vec![uri.clone()] },
                scope: None,
            }),
            revoked_certs: self.revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        parameters.signed_by(&authority.issuer).unwrap()
    }

    pub fn pem_by(&self, authority: &Authority) -> String {
        self.signed_by(authority).pem().unwrap()
    }
}

fn serial(der: &CertificateDer<'_>) -> SerialNumber {
    use x509_parser::prelude::FromDer;
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).unwrap();
    SerialNumber::from_slice(certificate.raw_serial())
}

/// A certificate to be. Valid from an hour ago for 30 days unless said otherwise.
pub struct Leaf {
    parameters: CertificateParams,
}

impl Leaf {
    /// For a client with this DNS name.
    pub fn client(name: &str) -> Self {
        let mut parameters = parameters(name);
        parameters.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Self { parameters }
    }

    /// For a server on this host.
    pub fn server() -> Self {
        let mut leaf = Self::client("localhost").purposes(&[ExtendedKeyUsagePurpose::ServerAuth]);
        leaf.parameters.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        leaf
    }

    /// This URI as the only alternative name.
    pub fn uri(mut self, uri: &str) -> Self {
        self.parameters.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        self
    }

    pub fn purposes(mut self, purposes: &[ExtendedKeyUsagePurpose]) -> Self {
        self.parameters.extended_key_usages = purposes.to_vec();
        self
    }

    pub fn usages(mut self, usages: &[KeyUsagePurpose]) -> Self {
        self.parameters.key_usages = usages.to_vec();
        self
    }

    /// Valid from and to, as distances from now.
    pub fn valid(mut self, from: Duration, to: Duration) -> Self {
        self.parameters.not_before = OffsetDateTime::now_utc() + from;
        self.parameters.not_after = OffsetDateTime::now_utc() + to;
        self
    }

    pub fn change(mut self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        change(&mut self.parameters);
        self
    }

    /// Signs it, with a new key. The chain is the leaf and its issuer.
    pub fn issued_by(&self, authority: &Authority) -> Identity {
        let key = KeyPair::generate().unwrap();
        let leaf = self.parameters.signed_by(&key, &authority.issuer).unwrap();
        Identity { chain: vec![leaf.der().clone(), authority.der()], key: key.serialize_der() }
    }
}

/// A certificate chain, leaf first, and the leaf's key.
#[derive(Clone)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Identity {
    /// From PEM: what the program made itself.
    pub fn from_pem(chain: &str, key: &str) -> Self {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        Self { chain, key: key.secret_der().to_vec() }
    }

    /// The same leaf, sent with these CAs' certificates after it.
    pub fn with(&self, authorities: &[&Authority]) -> Self {
        let chain = self.chain.iter().take(1).cloned().chain(authorities.iter().map(|authority| authority.der()));
        Self { chain: chain.collect(), key: self.key.clone() }
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone().into())
    }

    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect()
    }

    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }
}

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.remove(DnType::CommonName);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
    parameters.not_after = OffsetDateTime::now_utc() + Duration::days(30);
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for bytes in der.chunks(3) {
        let bits = bytes.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) as usize & 63;
            text.push(if place <= bytes.len() { char::from(ALPHABET[six]) } else { '=' });
        }
        if text.len() % 65 == 64 {
            text.push('\n');
        }
    }
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", text.trim_end())
}
