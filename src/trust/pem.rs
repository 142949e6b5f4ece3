//! PEM files to certificates and keys.
//!
//! The PEM reader skips what it can't make out: a block after a byte order mark, an indented one,
//! two without a newline between them. So blocks are counted: as many must come out as begin.

use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A trust file is a few kilobytes; a bundle of every public root is 200.
const LARGEST: u64 = 4 << 20;

/// # Errors
/// Says what is wrong with the file's content.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(path)?;
    let begun = count(&bytes, b"-----BEGIN");
    let found: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("not readable PEM: {error}"))?;
    if found.is_empty() {
        return Err("no certificate in it (a PEM block that begins with -----BEGIN CERTIFICATE-----)".to_owned());
    }
    if found.len() != begun {
        return Err(format!(
            "{begun} PEM blocks begin in it but only {} certificates can be read; each BEGIN line must stand alone, \
             unindented, without a byte order mark, and be that of a certificate",
            found.len()
        ));
    }
    Ok(found)
}

/// # Errors
/// Says what is wrong with the file's content.
pub fn certificate(path: &Path) -> Result<CertificateDer<'static>, String> {
    let mut found = certificates(path)?;
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (_, others) => Err(format!("{} certificates in it, where one is expected", others + 1)),
    }
}

/// # Errors
/// Says what is wrong with the file's content.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        if count(&bytes, b"ENCRYPTED") > 0 {
            "the key is encrypted; decrypt it with `openssl pkey`".to_owned()
        } else {
            "no private key in it (PKCS#8, SEC1 or PKCS#1 in PEM)".to_owned()
        }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    crate::file::read(path, LARGEST)
}

fn count(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).filter(|window| *window == word).count()
}
