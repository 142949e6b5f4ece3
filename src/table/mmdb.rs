//! `MaxMind` DB files as datasets: `autonomous_system_number` or `country.iso_code` of each network.

use std::net::IpAddr;

use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, WithinOptions};

use super::dataset::{Key, country_key};
use super::footprint::{CountryCode, FootprintType};
use super::problem::{FileId, Place, Problems};

/// Gives every network that has a key, as an inclusive range. IPv4 networks come as IPv4,
/// whatever the family of the database's tree; their aliases in IPv6 are left out.
pub fn read(
    kind: FootprintType,
    file: FileId,
    bytes: &[u8],
    problems: &mut Problems,
    mut range: impl FnMut(IpAddr, IpAddr, Key),
) {
    let mut each = || -> Result<(), MaxMindDbError> {
        let reader = Reader::from_source(bytes)?;
        for found in reader.networks(WithinOptions::default())? {
            let found = found?;
            if let Some(key) = key(kind, &found)? {
                let network = found.network()?;
                range(network.network(), network.broadcast(), key);
            }
        }
        Ok(())
    };
    if let Err(error) = each() {
        problems
            .error(Place::whole_file(file), format!("not a readable MaxMind database: {error}"))
            .help("fetch the file again, whole");
    }
}

fn key(kind: FootprintType, found: &LookupResult<'_, &[u8]>) -> Result<Option<Key>, MaxMindDbError> {
    match kind {
        FootprintType::Asn => found.decode_path(&[PathElement::Key("autonomous_system_number")]),
        _ => {
            let code: Option<&str> = found.decode_path(&[PathElement::Key("country"), PathElement::Key("iso_code")])?;
            Ok(code.and_then(|code| code.parse::<CountryCode>().ok()).map(country_key))
        }
    }
}
