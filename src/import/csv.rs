//! `prefix,mix` lines; `#` begins a comment, and a first line that names the columns is skipped.

use super::Input;
use super::listing::{Listing, place_of};
use super::prefix::{Dialect, read as prefix};
use crate::table::footprint::shorten;

pub fn read(input: &Input<'_>, listing: &mut Listing) {
    let file = listing.problems.file(input.name);
    let text = input.text();
    let mut first = true;
    for (number, line) in input.lines(&text) {
        let written = line.split('#').next().unwrap_or_default().trim();
        let header = first && written == "prefix,mix";
        first &= written.is_empty();
        if written.is_empty() || header {
            continue;
        }
        let place = place_of(file, number, line, written);
        let Some((network, mix)) = written.split_once(',') else {
            listing
                .error(place, format!("`{}` has no mix", shorten(written)))
                .help("write `prefix,mix`, as in `192.0.2.0/24,uk`");
            continue;
        };
        let (network, mix) = (unquoted(network.trim()), unquoted(mix.trim()));
        if mix.is_empty() || mix.contains(',') {
            let problem = listing.error(place, format!("`{}` is not a prefix and a mix", shorten(written)));
            problem.help("write `prefix,mix`, as in `192.0.2.0/24,uk`");
            continue;
        }
        match prefix(network, Dialect::Plain) {
            Ok(read) => {
                let answer = listing.answer(mix, place_of(file, number, line, mix));
                listing.list(read, network, Some(answer), place);
            }
            Err(wrong) => listing.wrong(wrong, place),
        }
    }
}

fn unquoted(field: &str) -> &str {
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field)
}
