//! gdnsd's `nets` (`plugin_geoip`): prefixes to ordered lists of datacenters, in a configuration or
//! a file of their own.
//!
//! A list becomes a mix whose first datacenter has all the weight; the others stand by. gdnsd keeps
//! IPv4 in `::/96`, so that what is around that space answers for IPv4 too. Of equal prefixes with
//! different lists it takes an arbitrary one. Maps of places need GeoIP data, and are left out.

pub mod vscf;

use std::net::Ipv6Addr;

use ip_network::IpNetwork;

use self::vscf::{Node, Source, Stop, Value};
use super::listing::{AnswerId, DEFAULT, Entry, Kind, Listing};
use super::prefix::{Dialect, Read, read as prefix, truncated};
use super::{Included, Input};
use crate::table::footprint::shorten;
use crate::table::problem::Place;

pub fn read(input: &mut Input<'_>, listing: &mut Listing) {
    let text = input.text().into_owned();
    let source = Source { name: input.name, text: &text, path: "" };
    let root = vscf::parse(&source, input.files, &mut listing.problems, 0);
    (input.progress)(input.bytes.len() as u64 / 2);
    if let Err(stop) = root.and_then(|root| map(input, &root, listing)) {
        listing.error(stop.place, stop.message).help("give a `nets` file, or a configuration with one in a map");
    }
}

fn map(input: &mut Input<'_>, root: &Node, listing: &mut Listing) -> Result<(), Stop> {
    let mut maps = Vec::new();
    collect(root, "", &mut maps);
    let stop = |message: String| Stop { place: root.place, message };
    let picked: Vec<_> = maps.iter().filter(|(name, _)| input.pick.is_none_or(|picked| picked == *name)).collect();
    let map = match picked.as_slice() {
        [(_, map)] => *map,
        [] if maps.is_empty() && input.pick.is_none() && is_nets(root) => {
            return nets(root, DEFAULT, listing);
        }
        [] => return Err(stop("there is no such map with `nets`".to_owned())),
        _ => {
            let names: Vec<_> = maps.iter().map(|(name, _)| *name).collect();
            return Err(stop(format!("several maps have `nets`, say which with --pick: {}", names.join(", "))));
        }
    };
    let default = map.member("map").and_then(|places| places.member("default")).or(map.member("datacenters"));
    let usual = default.map_or(Ok(DEFAULT), |default| answer(default, DEFAULT, listing))?;
    if let Some(written) = map.member("nets") {
        if let Value::Simple(name) = &written.value {
            let (path, file) = nets_file(input, name).map_err(|message| Stop { place: written.place, message })?;
            let text = String::from_utf8_lossy(&file.bytes);
            let source = Source { name: &file.name, text: &text, path: &path };
            nets(&vscf::parse(&source, input.files, &mut listing.problems, 1)?, usual, listing)?;
        } else {
            nets(written, usual, listing)?;
        }
    }
    if let Some(places) =
        map.member("map").filter(|places| !matches!(&places.value, Value::Hash(all) if all.is_empty()))
    {
        listing.tell(Kind::LeftOut, places.place, "the map of places is left out: it needs GeoIP data");
    }
    if let Some(default) = default {
        unmatched(default, usual, listing);
    }
    Ok(())
}

/// gdnsd looks in `geoip/` beside its configuration; a file that was fetched may be beside it.
fn nets_file(input: &Input<'_>, name: &str) -> Result<(String, Included), String> {
    let read = |path: String| input.files.read(&path).map(|file| (path, file));
    let beside = || read(name.to_owned());
    let found = if name.starts_with('/') {
        beside()
    } else {
        read(format!("geoip/{name}")).or_else(|message| beside().map_err(|_| message))
    };
    found.map_err(|message| format!("{}: {message}", shorten(name)))
}

/// Every hash that has `nets`, by its key.
fn collect<'n>(node: &'n Node, name: &'n str, maps: &mut Vec<(&'n str, &'n Node)>) {
    let Value::Hash(members) = &node.value else { return };
    if node.member("nets").is_some() {
        maps.push((name, node));
        return;
    }
    for (name, _, node) in members {
        collect(node, name, maps);
    }
}

fn is_nets(root: &Node) -> bool {
    matches!(&root.value, Value::Hash(members) if members.iter().all(|(key, ..)| key.contains(['/', ':', '.'])))
}

fn nets(node: &Node, usual: AnswerId, listing: &mut Listing) -> Result<(), Stop> {
    let Value::Hash(members) = &node.value else {
        return Err(Stop { place: node.place, message: "`nets` must be a hash or the name of a file".to_owned() });
    };
    let mut around: Option<Entry> = None;
    for (written, place, list) in members {
        let answer = answer(list, usual, listing)?;
        let read = match prefix(written, Dialect::Plain) {
            Ok(read) => compatible(read),
            Err(wrong) => {
                listing.wrong(wrong, *place);
                continue;
            }
        };
        let entry = Entry { network: read.network, answer: Some(answer), place: *place, fallback: false };
        let holds_ipv4 = matches!(read.network, IpNetwork::V6(network) if network.contains(Ipv6Addr::UNSPECIFIED));
        if holds_ipv4 && around.is_none_or(|widest| widest.network.netmask() < entry.network.netmask()) {
            around = Some(entry);
        }
        listing.list(read, written, Some(answer), *place);
    }
    if let (Some(entry), Some(whole)) = (around, whole_ipv4(listing)) {
        let told = format!("`{}` is also for IPv4 addresses that no IPv4 prefix matches", entry.network);
        listing.tell(Kind::Noted, entry.place, told);
        listing.entries.push(Entry { network: whole.network, ..entry });
    }
    Ok(())
}

/// IPv4's whole space, unless it is listed.
fn whole_ipv4(listing: &Listing) -> Option<Read> {
    let whole = truncated([0, 0, 0, 0].into(), 0)?;
    listing.entries.iter().all(|entry| entry.network != whole.network).then_some(whole)
}

/// `::a.b.c.d/n` from 96 on is IPv4 to gdnsd.
fn compatible(read: Read) -> Read {
    let IpNetwork::V6(network) = read.network else { return read };
    let number = u128::from(network.network_address());
    let (Ok(ipv4), 96..) = (u32::try_from(number), network.netmask()) else { return read };
    let found = truncated(std::net::Ipv4Addr::from(ipv4).into(), network.netmask() - 96);
    found.map_or(read, |found| Read { masked: read.masked, mapped: true, ..found })
}

fn unmatched(default: &Node, answer: AnswerId, listing: &mut Listing) {
    for whole in [truncated([0, 0, 0, 0].into(), 0), truncated([0u16; 8].into(), 0)].into_iter().flatten() {
        if listing.entries.iter().all(|entry| entry.network != whole.network) {
            listing.list(whole, "", Some(answer), default.place);
        }
    }
}

/// An empty list is the usual one.
fn answer(list: &Node, usual: AnswerId, listing: &mut Listing) -> Result<AnswerId, Stop> {
    let name = |node: &Node| match &node.value {
        Value::Simple(name) => Ok(name.clone()),
        _ => Err(Stop { place: node.place, message: "a list of datacenters must have their names".to_owned() }),
    };
    let names: Vec<String> = match &list.value {
        Value::Array(items) => items.iter().map(name).collect::<Result<_, _>>()?,
        _ => vec![name(list)?],
    };
    match names.as_slice() {
        [] => {
            let told = "an empty list is no answer at all: the default is taken";
            listing.tell(Kind::LeftOut, list.place, told);
            Ok(usual)
        }
        [only] => Ok(listing.answer(only, list.place)),
        _ => {
            let fresh = listing.answers.len();
            let answer = listing.answer_of(&names.join(", "), list.place, || Some(names.clone()));
            if listing.answers.len() > fresh {
                out_of_order(&names, list.place, listing);
            }
            Ok(answer)
        }
    }
}

fn out_of_order(names: &[String], place: Place, listing: &mut Listing) {
    if !names[1..].is_sorted() {
        let told = format!("after `{}` the others stand by in order of name, not as listed", shorten(&names[0]));
        listing.tell(Kind::Noted, place, told);
    }
}
