//! HAProxy's map files as `map_ip` reads them: a key, white space, and the value to the line's end.
//!
//! Of equal prefixes the first counts. An IPv4 client is asked for among the IPv4 prefixes, and only
//! if none matches among the IPv6 ones, in its mapped form. 6to4 addresses, which HAProxy also looks
//! up as IPv4, stay IPv6 here. What unmatched addresses get stands in HAProxy's configuration.

use ip_network::IpNetwork;

use super::Input;
use super::listing::{Entry, Kind, Listing, place_of};
use super::prefix::{Dialect, MAPPED, read as prefix, truncated};

pub fn read(input: &Input<'_>, listing: &mut Listing) {
    let file = listing.problems.file(input.name);
    let text = input.text();
    for (number, line) in input.lines(&text) {
        let written = line.trim_matches([' ', '\t']);
        if written.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = written.split_once([' ', '\t']).unwrap_or((written, ""));
        let value = value.trim_matches([' ', '\t']);
        let place = place_of(file, number, line, key);
        match prefix(key, Dialect::Haproxy) {
            Ok(read) => {
                let answer = listing.answer(value, place);
                listing.list(read, key, Some(answer), place);
                if let Some(entry) = listing.entries.last_mut() {
                    entry.fallback = read.mapped;
                }
            }
            Err(wrong) if key.starts_with('#') => {
                listing.error(place, "a comment must begin in the first column").help = wrong.help;
            }
            Err(wrong) => listing.wrong(wrong, place),
        }
    }
    ipv6_around_mapped(listing);
}

/// An IPv6 prefix around the whole mapped space answers for IPv4 clients that nothing else matches.
fn ipv6_around_mapped(listing: &mut Listing) {
    let around = |entry: &&Entry| matches!(entry.network, IpNetwork::V6(network) if network.contains(MAPPED));
    let found = listing.entries.iter().filter(around).copied();
    // Of equals the first: `max_by_key` would give the last.
    let narrowest =
        found.reduce(|best, next| if next.network.netmask() > best.network.netmask() { next } else { best });
    let whole = truncated([0, 0, 0, 0].into(), 0);
    if let (Some(entry), Some(whole)) = (narrowest, whole)
        && !listing.entries.iter().any(|entry| entry.network == whole.network)
    {
        let told = format!("`{}` is also for IPv4 addresses that no IPv4 prefix matches", entry.network);
        listing.tell(Kind::Noted, entry.place, told);
        listing.entries.push(Entry { network: whole.network, fallback: true, ..entry });
    }
}
