//! PEM files to certificates and keys.
//!
//! The PEM reader skips what it can't make out: a block after a byte order mark, an indented one,
//! two without a newline between them. So blocks are counted: as many must come out as begin.

use rustls_pki_types::pem::{Error, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// # Errors
/// Says what is wrong with the file's content.
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    all_blocks(bytes, found.map_err(|error| why(&error)), "certificate", "CERTIFICATE")
}

/// Revocation lists come as PEM, or as the DER of a single one, as CAs publish them (RFC 5280,
/// section 4.2.1.13).
///
/// # Errors
/// Says what is wrong with the file's content.
pub fn revocation_lists(bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    const SEQUENCE: u8 = 0x30;
    if bytes.first() == Some(&SEQUENCE) {
        return Ok(vec![bytes.to_vec().into()]);
    }
    let found = CertificateRevocationListDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    all_blocks(bytes, found.map_err(|error| why(&error)), "revocation list", "X509 CRL")
}

/// rustls shows the bytes of a line as numbers.
fn why(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { end_marker } => {
            format!("cut short: `{}` is missing; write or fetch it again, whole", String::from_utf8_lossy(end_marker))
        }
        Error::IllegalSectionStart { line } => format!("a block begins with `{}`", String::from_utf8_lossy(line)),
        error => error.to_string(),
    }
}

fn all_blocks<T>(bytes: &[u8], found: Result<Vec<T>, String>, what: &str, label: &str) -> Result<Vec<T>, String> {
    let found = found.map_err(|error| format!("not readable PEM: {error}"))?;
    if bytes.is_empty() {
        return Err(format!("the file is empty: no {what} in it"));
    }
    if found.is_empty() {
        return Err(format!("no {what} in it (a PEM block that begins with -----BEGIN {label}-----)"));
    }
    let begun = begun(bytes);
    if found.len() != begun {
        return Err(format!(
            "{begun} PEM blocks begin in it but only {} {what}s can be read; each BEGIN line must stand alone, \
             unindented, without a byte order mark, and be that of a {what}",
            found.len()
        ));
    }
    Ok(found)
}

/// # Errors
/// Says what is wrong with the file's content.
pub fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        if count(bytes, b"ENCRYPTED") > 0 {
            "the key is encrypted; decrypt it with `openssl pkey`".to_owned()
        } else {
            "no private key in it (PKCS#8, SEC1 or PKCS#1 in PEM)".to_owned()
        }
    })
}

/// How many blocks begin, however crookedly: `---- BEGIN`, `-----begin`, in the middle of a line.
fn begun(bytes: &[u8]) -> usize {
    const WORD: &[u8] = b"BEGIN";
    let is_headed = |at: usize| bytes[..at].trim_ascii_end().ends_with(b"-");
    let begins = |(at, window): (usize, &[u8])| window.eq_ignore_ascii_case(WORD) && is_headed(at);
    bytes.windows(WORD.len()).enumerate().filter(|window| begins(*window)).count()
}

fn count(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).filter(|window| *window == word).count()
}
