//! Geofeeds (RFC 8805): `prefix,country,region,city,postal` lines.
//!
//! A mix a country, or a region or city if that field is picked. Feeds come from others: as the
//! RFC has it, a line that can't be read is told and left out, and stops nothing.

use super::Input;
use super::listing::{DEFAULT, Kind, Listing, place_of};
use super::prefix::{Dialect, read as prefix};
use crate::table::footprint::shorten;
use crate::table::problem::Place;

/// The fields that can be picked, after the prefix.
pub const FIELDS: [&str; 3] = ["country", "region", "city"];

pub fn read(input: &Input<'_>, listing: &mut Listing) {
    let file = listing.problems.file(input.name);
    let picked = input.pick.unwrap_or(FIELDS[0]);
    let Some(column) = FIELDS.iter().position(|field| *field == picked) else {
        listing
            .error(Place::whole_file(file), format!("a geofeed has no field `{}`", shorten(picked)))
            .help(format!("pick one of {}", FIELDS.join(", ")));
        return;
    };
    let text = input.text();
    for (number, line) in input.lines(&text) {
        let written = line.trim();
        if written.is_empty() || written.starts_with('#') {
            continue;
        }
        let mut fields = written.split(',').map(str::trim);
        let network = fields.next().unwrap_or_default();
        let place = place_of(file, number, line, network);
        let country = fields.clone().next().unwrap_or_default();
        let is_country = country.is_empty()
            || matches!(country.as_bytes(), [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic());
        if !is_country {
            let told = format!("`{}` is not a country of two letters: the line is left out", shorten(country));
            listing.tell(Kind::LeftOut, place, told);
            continue;
        }
        let read = match prefix(network, Dialect::Plain) {
            Ok(read) => read,
            Err(wrong) => {
                listing.tell(Kind::LeftOut, place, format!("{}: the line is left out", wrong.message));
                continue;
            }
        };
        // No country: the publisher wants the prefix to be nowhere, whatever is around it.
        let value = fields.nth(column).filter(|value| !value.is_empty());
        let answer = value.map_or(DEFAULT, |value| listing.answer(&value.to_lowercase(), place));
        listing.list(read, network, Some(answer), place);
    }
}
