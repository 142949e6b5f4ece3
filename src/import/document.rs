//! The table's document and its prefix files: one file for each mix and family.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::listing::{Answer, AnswerId, Kind, Listing};
use super::names::{Names, is_allowed};
use super::settle::Settled;
use crate::table::footprint::shorten;
use crate::table::problem::Place;

/// Seconds for which an answer may be kept, until somebody knows better.
const TTL: u32 = 300;

/// Where prefix files go, relative to the document.
const FOLDER: &str = "prefixes/";

/// Everything to write.
#[derive(Debug)]
pub struct Document {
    pub text: String,
    /// By path, relative to the document.
    pub files: Vec<(String, String)>,
    /// Whose URLs are to be filled in.
    pub cdns: Vec<String>,
    pub mixes: usize,
    pub prefixes: usize,
}

#[derive(Serialize)]
struct Table<'t> {
    version: &'t str,
    ttl: u32,
    cdns: BTreeMap<&'t str, Cdn>,
    mixes: BTreeMap<&'t str, BTreeMap<&'t str, u16>>,
    footprints: Vec<Footprint<'t>>,
    default: &'t str,
}

#[derive(Serialize)]
struct Cdn {
    url: String,
}

#[derive(Serialize)]
struct Footprint<'t> {
    #[serde(rename = "footprint-type")]
    kind: &'static str,
    #[serde(rename = "footprint-file")]
    file: String,
    mix: &'t str,
}

/// Names everything and writes it down.
pub fn document(listing: &mut Listing, settled: &Settled, version: &str) -> Document {
    let used: BTreeSet<AnswerId> =
        settled.prefixes.iter().map(|(_, answer)| *answer).chain([settled.default]).collect();
    let mixes = mix_names(listing, &used);
    let cdns = cdn_names(listing, &used);
    let files = files(settled, &mixes);
    let table = Table {
        version,
        ttl: TTL,
        cdns: cdns.values().map(|name| (name.as_str(), Cdn { url: format!("https://{name}.example/") })).collect(),
        mixes: mixes.iter().map(|(id, name)| (name.as_str(), weights(&listing.answers[*id as usize], &cdns))).collect(),
        footprints: files
            .iter()
            .map(|file| Footprint {
                kind: if file.ipv4 { "ipv4cidr" } else { "ipv6cidr" },
                file: file.path.clone(),
                mix: &mixes[&file.answer],
            })
            .collect(),
        default: &mixes[&settled.default],
    };
    let mut text = serde_json::to_string_pretty(&table).unwrap_or_default();
    text.push('\n');
    Document {
        text,
        files: files.into_iter().map(|file| (file.path, file.text)).collect(),
        cdns: cdns.values().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        mixes: used.len(),
        prefixes: settled.prefixes.len(),
    }
}

struct PrefixFile {
    ipv4: bool,
    answer: AnswerId,
    path: String,
    text: String,
}

fn files(settled: &Settled, mixes: &HashMap<AnswerId, String>) -> Vec<PrefixFile> {
    let mut texts: HashMap<(bool, AnswerId), String> = HashMap::new();
    for (network, answer) in &settled.prefixes {
        _ = writeln!(texts.entry((network.is_ipv4(), *answer)).or_default(), "{network}");
    }
    let file = |((ipv4, answer), text)| {
        let path = format!("{FOLDER}{}-{}.txt", mixes[&answer], if ipv4 { "ipv4" } else { "ipv6" });
        PrefixFile { ipv4, answer, path, text }
    };
    let mut files: Vec<PrefixFile> = texts.into_iter().map(file).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// A list of CDNs is named after them; that is no change of a name.
fn mix_names(listing: &mut Listing, used: &BTreeSet<AnswerId>) -> HashMap<AnswerId, String> {
    let written = |id: AnswerId| {
        let answer = &listing.answers[id as usize];
        answer.cdns.as_ref().map_or_else(|| answer.written.clone(), |cdns| cdns.join("_"))
    };
    let all: Vec<(AnswerId, String)> = used.iter().map(|id| (*id, written(*id))).collect();
    let mut names = Names::default();
    let mut given = HashMap::with_capacity(all.len());
    // A name that can stay must not go to another that is made like it.
    for (id, written) in in_turn(&all, |(_, written)| is_allowed(written)) {
        let name = names.give(written);
        let answer = &listing.answers[*id as usize];
        if name != *written && answer.cdns.is_none() {
            let place = answer.place.unwrap_or_else(|| Place::whole_file(listing.problems.file("--default")));
            let told = format!("`{}` can't be a name: mix `{name}` and a CDN like it are made", shorten(written));
            listing.tell(Kind::Renamed, place, told);
        }
        given.insert(*id, name);
    }
    given
}

/// By name as written.
fn cdn_names(listing: &Listing, used: &BTreeSet<AnswerId>) -> HashMap<String, String> {
    let mut seen = BTreeSet::new();
    let written = used.iter().flat_map(|id| cdns(&listing.answers[*id as usize]));
    let all: Vec<&String> = written.filter(|written| seen.insert(*written)).collect();
    let mut names = Names::default();
    in_turn(&all, |written| is_allowed(written)).map(|written| ((*written).clone(), names.give(written))).collect()
}

fn cdns(answer: &Answer) -> &[String] {
    answer.cdns.as_deref().unwrap_or(std::slice::from_ref(&answer.written))
}

/// Those that are first, then the others.
fn in_turn<T>(all: &[T], first: impl Fn(&T) -> bool + Copy) -> impl Iterator<Item = &T> {
    all.iter().filter(move |one| first(one)).chain(all.iter().filter(move |one| !first(one)))
}

fn weights<'c>(answer: &Answer, cdns_by_name: &'c HashMap<String, String>) -> BTreeMap<&'c str, u16> {
    let mut weights = BTreeMap::new();
    for (written, weight) in cdns(answer).iter().zip(std::iter::once(1).chain(std::iter::repeat(0))) {
        weights.entry(cdns_by_name[written].as_str()).or_insert(weight);
    }
    weights
}

/// The prefix files that an imported table names, and no others.
pub fn prefix_files(document: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Named {
        footprints: Vec<File>,
    }
    #[derive(Deserialize)]
    struct File {
        #[serde(rename = "footprint-file")]
        path: Option<String>,
    }
    let is_ours = |path: &String| {
        let name = path.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(".txt"));
        name.and_then(|name| name.strip_suffix("-ipv4").or(name.strip_suffix("-ipv6"))).is_some_and(is_allowed)
    };
    let named: Option<Named> = serde_json::from_str(document).ok();
    let paths = named.into_iter().flat_map(|named| named.footprints).filter_map(|file| file.path);
    paths.filter(is_ours).collect()
}
