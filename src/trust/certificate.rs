//! What is read of a certificate beyond what path building looks at.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, KeyUsage};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// None if it can't be read.
pub fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// Extended key usage must be there and say clientAuth. webpki takes a certificate without any.
pub fn is_for_clients(certificate: &X509Certificate<'_>) -> bool {
    matches!(certificate.extended_key_usage(), Ok(Some(usage)) if usage.value.client_auth)
}

/// Key usage, if there, must allow what TLS does with a certificate's key (RFC 5280, section
/// 4.2.1.3). webpki does not ask.
pub fn may_sign_handshakes(certificate: &X509Certificate<'_>) -> bool {
    may(certificate, KeyUsage::digital_signature)
}

/// Key usage, if there, must say keyCertSign. webpki does not ask.
pub fn may_sign_certificates(certificate: &X509Certificate<'_>) -> bool {
    may(certificate, KeyUsage::key_cert_sign)
}

/// Key usage, if there, must say cRLSign. webpki does not ask.
pub fn may_sign_crls(certificate: &X509Certificate<'_>) -> bool {
    may(certificate, KeyUsage::crl_sign)
}

fn may(certificate: &X509Certificate<'_>, what: impl FnOnce(&KeyUsage) -> bool) -> bool {
    match certificate.key_usage() {
        Ok(Some(usage)) => what(usage.value),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// When it ends.
pub fn end_of(certificate: &X509Certificate<'_>) -> SystemTime {
    moment(certificate.validity().not_after)
}

/// When it begins.
pub fn beginning_of(certificate: &X509Certificate<'_>) -> SystemTime {
    moment(certificate.validity().not_before)
}

/// Times before 1970 count as its beginning.
pub fn moment(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}

/// Subject alternative names, as `DNS:a.example` and `URI:spiffe://example/a`.
pub fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let shown = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(dns) => format!("DNS:{dns}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::RFC822Name(mail) => format!("email:{mail}"),
        GeneralName::IPAddress(bytes) => address(bytes).map_or("IP:?".to_owned(), |ip| format!("IP:{ip}")),
        other => format!("{other}"),
    };
    names.value.general_names.iter().map(shown).collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let ipv4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    ipv4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// Its first DNS or URI name, else its subject.
pub fn name(certificate: &X509Certificate<'_>) -> String {
    let names = names(certificate);
    let first = names.iter().find_map(|name| name.strip_prefix("DNS:").or(name.strip_prefix("URI:")));
    first.map_or_else(|| certificate.subject().to_string(), ToOwned::to_owned)
}

/// Its serial number, as `0a:1b:2c`.
pub fn serial(certificate: &X509Certificate<'_>) -> String {
    certificate.raw_serial_as_string()
}
