//! `MaxMind` DB files as datasets: `autonomous_system_number` or `country.iso_code` of each network.

use std::net::{IpAddr, Ipv4Addr};

use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, WithinOptions};

use super::dataset::{Key, NO_KEY, country_key};
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
        let most = reader.metadata().node_count as usize + 1;
        for (found, before) in reader.networks(options(&reader)?)?.zip(0..) {
            if before == most {
                // A tree of so many nodes has no more leaves; this one shares some, and a few
                // hundred bytes of those unfold to the whole Internet.
                return Err(MaxMindDbError::invalid_database("nodes of the search tree are shared"));
            }
            let found = found?;
            if let Some(key) = key(kind, &found)?.filter(|key| *key != NO_KEY) {
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

/// Without an IPv4 tree there are no aliases of it, and what looks like one is IPv6: the reader
/// takes every network of the record at `::` for an alias.
fn options(reader: &Reader<&[u8]>) -> Result<WithinOptions, MaxMindDbError> {
    let has_ipv4 = reader.lookup(Ipv4Addr::UNSPECIFIED.into())?.network()?.is_ipv4();
    Ok(if has_ipv4 { WithinOptions::default() } else { WithinOptions::default().include_aliased_networks() })
}

fn key(kind: FootprintType, found: &LookupResult<'_, &[u8]>) -> Result<Option<Key>, MaxMindDbError> {
    match kind {
        FootprintType::Asn => {
            // Databases store small numbers as they like: uint16, uint32, uint64.
            let number: Option<serde_json::Value> =
                found.decode_path(&[PathElement::Key("autonomous_system_number")])?;
            Ok(number.and_then(|number| number.as_u64()).and_then(|number| Key::try_from(number).ok()))
        }
        _ => {
            let code: Option<&str> = found.decode_path(&[PathElement::Key("country"), PathElement::Key("iso_code")])?;
            Ok(code.and_then(|code| code.parse::<CountryCode>().ok()).map(country_key))
        }
    }
}
