//! What commands need that talk TLS to a service: who they are, whom they ask, what an alert is called.

use std::net::Ipv6Addr;
use std::path::Path;

use rustls::AlertDescription;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::file;
use crate::trust::{gather, pem};

/// A client's chain and key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// # Errors
/// Names the file, and says why it has none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    read(path, pem::certificates)
}

/// # Errors
/// Names the file, and says why it has none.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    read(path, pem::private_key)
}

fn read<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, String> {
    let read = file::read(path, gather::LARGEST).and_then(|bytes| parse(&bytes));
    read.map_err(|message| format!("{}: error: {message}", path.display()))
}

/// The host of `HOST:PORT`, without the brackets around an IPv6 address.
///
/// # Errors
/// Says what is wrong with it.
pub fn host(target: &str) -> Result<&str, &'static str> {
    if target.ends_with(']') || target.parse::<Ipv6Addr>().is_ok() {
        return Err("the port is missing, or the brackets are; write [ADDRESS]:PORT");
    }
    let (host, port) = target.rsplit_once(':').ok_or("the port is missing; write HOST:PORT")?;
    port.parse::<u16>().map_err(|_| "the port must be a number up to 65535; write HOST:PORT")?;
    Ok(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host))
}

/// Of a peer that answers a TLS greeting with something else.
pub const NO_TLS: &str = "what it says is no TLS; is it the health port, which speaks plain HTTP?";

/// The name of an alert as the RFCs write it: `unknown_ca`.
pub fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    let mut is_inside = false;
    for character in format!("{alert:?}").chars() {
        if is_inside && character.is_ascii_uppercase() {
            name.push('_');
        }
        is_inside = character.is_ascii_lowercase();
        name.push(character.to_ascii_lowercase());
    }
    name
}
