//! An answer to a lookup: what must be alike wherever it comes from.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::Uri;
use serde::Deserialize;

use crate::connection::{Connection, Kind};
use crate::target::{Identity, Target};

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lookup {
    pub ip: IpAddr,
    pub mix: String,
    pub cdn: String,
    pub cdns: Vec<Cdn>,
    pub ttl: u32,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cdn {
    pub name: String,
    pub url: String,
}

pub fn target(identity: &Identity, address: SocketAddr) -> Result<Target, String> {
    identity.target(address, path(IpAddr::from([192, 0, 2, 1]))?, TIMEOUT)
}

/// Asks a server on a connection of its own.
pub async fn once(target: &Target) -> Result<Lookup, String> {
    let mut connection = Connection::open(target, Kind::Full).await?;
    let (lookup, _) = read(&connection.answer(target.request.clone()).await?)?;
    connection.close().await;
    Ok(lookup)
}

/// Asks about an address. Also says how long the answer's body is.
pub async fn ask(connection: &mut Connection, target: &Target, address: IpAddr) -> Result<(Lookup, usize), String> {
    let mut request = target.request.clone();
    *request.uri_mut() = path(address)?;
    read(&connection.answer(request).await?).map_err(|error| format!("{address}: {error}"))
}

fn read(body: &[u8]) -> Result<(Lookup, usize), String> {
    let lookup = serde_json::from_slice(body).map_err(|error| format!("not an answer to a lookup: {error}"))?;
    Ok((lookup, body.len()))
}

fn path(address: IpAddr) -> Result<Uri, String> {
    format!("/lookup?ip={address}").parse().map_err(|error| format!("{address}: {error}"))
}
