//! `MaxMind` DB files: a mix for each value of a record's field.
//!
//! The field is picked as a path (`country.iso_code`, `subdivisions.0.iso_code`); else it is the
//! country, or the AS number if the database is of ASes or its records have no country.

use std::collections::HashMap;

use maxminddb::{MaxMindDbError, PathElement, Reader, WithinOptions};
use serde_json::Value;

use super::Input;
use super::listing::{Entry, Kind, Listing};
use super::prefix::truncated;
use crate::table::footprint::{CountryCode, shorten};
use crate::table::problem::Place;

const COUNTRY: &str = "country.iso_code";
const AS_NUMBER: &str = "autonomous_system_number";

pub fn read(input: &Input<'_>, listing: &mut Listing) {
    let place = Place::whole_file(listing.problems.file(input.name));
    let before = listing.entries.len();
    let of_ases = Reader::from_source(input.bytes).is_ok_and(|reader| reader.metadata().database_type.contains("ASN"));
    let usual = || if of_ases { vec![AS_NUMBER, COUNTRY] } else { vec![COUNTRY, AS_NUMBER] };
    let fields = input.pick.map_or_else(usual, |picked| vec![picked]);
    for field in &fields {
        if let Err(error) = networks(input, listing, field, place) {
            listing
                .error(place, format!("not a readable MaxMind database: {error}"))
                .help("fetch the file again, whole");
            return;
        }
        if listing.entries.len() > before {
            return;
        }
    }
    let problem = listing.error(place, format!("no record has a `{}`", shorten(&fields.join("` or `"))));
    problem.help("pick a field that records have, as in --pick registered_country.iso_code");
}

fn networks(input: &Input<'_>, listing: &mut Listing, field: &str, place: Place) -> Result<(), MaxMindDbError> {
    let path: Vec<PathElement<'_>> = field.split('.').map(element).collect();
    let reader = Reader::from_source(input.bytes)?;
    let has_ipv4 = reader.lookup([0, 0, 0, 0].into())?.network()?.is_ipv4();
    // Without an IPv4 tree, what looks like an alias of it is IPv6.
    let options = if has_ipv4 { WithinOptions::default() } else { WithinOptions::default().include_aliased_networks() };
    let most = reader.metadata().node_count as usize + 1;
    // Records are shared by many networks.
    let mut known: HashMap<usize, Option<u32>> = HashMap::new();
    let mut without = 0;
    for (found, before) in reader.networks(options)?.zip(0..) {
        if before == most {
            // A tree of so many nodes has no more leaves, unless it shares some.
            return Err(MaxMindDbError::invalid_database("nodes of the search tree are shared"));
        }
        if before % super::STEP as usize == 0 {
            (input.progress)((input.bytes.len() as u64).saturating_mul(before as u64) / most as u64);
        }
        let found = found?;
        let Some(offset) = found.offset() else { continue };
        let answer = match known.get(&offset) {
            Some(answer) => *answer,
            None => {
                let value: Option<Value> = found.decode_path(&path)?;
                let answer = value.and_then(|value| name(&value, field)).map(|name| listing.answer(&name, place));
                without += usize::from(answer.is_none());
                known.insert(offset, answer);
                answer
            }
        };
        let network = found.network()?;
        if let (Some(answer), Some(read)) = (answer, truncated(network.network(), network.prefix())) {
            listing.entries.push(Entry { network: read.network, answer: Some(answer), place, fallback: false });
        }
    }
    if without > 0 && without < known.len() {
        let told = format!("{without} records have no `{}`: their networks get the default", shorten(field));
        listing.tell(Kind::Noted, place, told);
    }
    Ok(())
}

fn element(part: &str) -> PathElement<'_> {
    part.parse().map_or(PathElement::Key(part), PathElement::Index)
}

/// Countries as footprints have them, numbers of ASes as they have those.
fn name(value: &Value, field: &str) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if field == COUNTRY => text.parse::<CountryCode>().ok().map(|code| code.to_string()),
        Value::String(text) if field.ends_with("iso_code") => Some(text.to_lowercase()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if field == AS_NUMBER => Some(format!("as{number}")),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
