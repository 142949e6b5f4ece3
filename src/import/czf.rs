//! Traffic Control's coverage zone files: JSON, a mix a zone, `network` and `network6`.
//!
//! Of equal prefixes the first counts, `network6` of a zone before its `network`. Deep coverage
//! zones are read the same way; the caches they name have no place in a table.

use super::Input;
use super::listing::{Kind, Listing};
use super::prefix::{Dialect, read as prefix};
use crate::table::footprint::shorten;
use crate::table::json::{self, Member, Node, Value};
use crate::table::problem::{Place, Text};

const PLAIN: &str = "coverageZones";
const DEEP: &str = "deepCoverageZones";

pub fn read(input: &Input<'_>, listing: &mut Listing) {
    let file = listing.problems.file(input.name);
    let text = input.text();
    let text = Text::new(file, &text);
    let root = match json::parse(text.text) {
        Ok(root) => root,
        Err(error) => {
            listing.error(text.place(&(error.offset..error.offset)), format!("not JSON: {}", error.message));
            return;
        }
    };
    (input.progress)(input.bytes.len() as u64);
    let mut read = Zones { text: &text, listing };
    let (plain, deep) = (member(&root, PLAIN), member(&root, DEEP));
    match (plain, deep) {
        (Some(zones), None) => read.zones(zones, false),
        (None, Some(zones)) => read.zones(zones, true),
        (Some(zones), Some(deep)) => {
            let told = "the deep coverage zones are left out: Traffic Router asks them first, so they make a table of their own";
            read.listing.tell(Kind::LeftOut, text.place(&deep.span), told);
            read.zones(zones, false);
        }
        (None, None) => {
            let problem = listing.error(Place::line(file, 1), format!("there is neither `{PLAIN}` nor `{DEEP}`"));
            problem.help("give a coverage zone file of Traffic Control");
        }
    }
}

struct Zones<'z, 't> {
    text: &'z Text<'t>,
    listing: &'z mut Listing,
}

impl Zones<'_, '_> {
    fn zones(&mut self, zones: &Node<'_>, deep: bool) {
        let Value::Object(members) = &zones.value else {
            self.listing.error(self.text.place(&zones.span), "the zones must be an object");
            return;
        };
        for (at, zone) in members.iter().enumerate() {
            let place = self.text.place(&zone.key_span);
            // Names are few and almost always different.
            if let Some(again) = members[at + 1..].iter().find(|other| other.key == zone.key) {
                let message = format!("the zone `{}` stands twice: the last wins", shorten(&zone.key));
                self.listing.contradict(self.text.place(&again.key_span), place, message);
                continue;
            }
            self.zone(zone, place, deep);
        }
    }

    fn zone(&mut self, zone: &Member<'_>, place: Place, deep: bool) {
        if !matches!(zone.value.value, Value::Object(_)) {
            self.listing.error(place, format!("the zone `{}` must be an object", shorten(&zone.key)));
            return;
        }
        let networks = ["network6", "network"].map(|key| member(&zone.value, key));
        if networks.iter().all(Option::is_none) {
            self.listing.tell(Kind::Noted, place, format!("the zone `{}` has no networks", shorten(&zone.key)));
        }
        if deep && member(&zone.value, "caches").is_some() {
            let told = format!("the caches of zone `{}` are left out: a mix is of CDNs", shorten(&zone.key));
            self.listing.tell(Kind::LeftOut, place, told);
        }
        for list in networks.into_iter().flatten() {
            let Value::Array(items) = &list.value else {
                self.listing.error(self.text.place(&list.span), "networks must be an array");
                continue;
            };
            for item in items {
                self.network(item, &zone.key, place);
            }
        }
    }

    fn network(&mut self, item: &Node<'_>, zone: &str, zone_place: Place) {
        let place = self.text.place(&item.span);
        let Value::String(written) = &item.value else {
            self.listing.error(place, "a network must be a string");
            return;
        };
        match prefix(written.trim(), Dialect::Plain) {
            Ok(read) => {
                let answer = self.listing.answer(zone, zone_place);
                self.listing.list(read, written, Some(answer), place);
            }
            Err(wrong) => self.listing.wrong(wrong, place),
        }
    }
}

/// Of equal keys the last, as there.
fn member<'n, 't>(node: &'n Node<'t>, key: &str) -> Option<&'n Node<'t>> {
    let Value::Object(members) = &node.value else { return None };
    members.iter().rev().find(|member| member.key == key).map(|member| &member.value)
}
