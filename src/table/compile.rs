//! Manifest and files to a table: every footprint value claims its ranges, precedence settles
//! who gets them, and what comes out is disjoint prefixes that cover the whole space.
//!
//! Precedence is the ranges' layer: a CIDR beats an ASN, an ASN a country, a country the default;
//! between CIDRs the narrower wins. See [`sweep`](super::space::sweep).

use std::collections::{HashMap, HashSet};

use super::beaten::Beaten;
use super::dataset::{self, Dataset, Key, Settled};
use super::footprint::{Footprint, FootprintType};
use super::footprints::Footprints;
use super::lookup::Table;
use super::manifest::{FileRef, FootprintEntry, Manifest, MixId};
use super::problem::{Place, Problems, saturate};
use super::reach::{ASN_LAYER, CIDR_LAYER, COUNTRY_LAYER, Reached};
use super::trie::{FootprintId, Trie};

/// The bytes of the files that a manifest names, by path as written there.
#[derive(Default)]
pub struct Inputs {
    /// And those of the document under [`Inputs::DOCUMENT`], for problems that are found after it was read.
    pub files: HashMap<String, Vec<u8>>,
    /// Names all inputs together; becomes the table's digest.
    pub digest: String,
    /// What a packed file may unpack to, in bytes.
    pub limit: u64,
}

impl Inputs {
    /// No file that a document names has this path.
    pub const DOCUMENT: &str = "";

    /// Adds what stands where problems were found.
    fn excerpts(&self, manifest: &Manifest, problems: &mut Problems) {
        if problems.is_empty() {
            return;
        }
        if let Some(document) = self.files.get(Self::DOCUMENT) {
            problems.excerpts(manifest.file, document);
        }
        for entry in &manifest.footprints {
            if let Some(file) = &entry.file
                && let Some(bytes) = self.files.get(&file.path)
            {
                let id = problems.file(&file.name);
                problems.excerpts(id, bytes);
            }
        }
    }
}

/// Builds the table, or tells in `problems` why it can't be. A file missing from `inputs` is
/// skipped: who tried to read it has told of it.
pub fn compile(manifest: Manifest, mut inputs: Inputs, problems: &mut Problems) -> Option<Table> {
    let claims = claims(&manifest, &inputs, problems);
    let footprints = Footprints::new(manifest.default, claims.iter().map(|claim| (claim.footprint, claim.mix)));
    // Of the others, which may be a million, nobody asks any more where they stand.
    let claims: Vec<_> = (1..).zip(claims).filter(|(_, claim)| claim.footprint.is_of_dataset()).collect();
    let mut ranges = Ranges::default();
    ranges.add_cidrs(&footprints);
    let mut absent = Vec::new();
    for kind in [FootprintType::Asn, FootprintType::CountryCode] {
        absent.extend(ranges.add_dataset(kind, manifest.dataset(kind), &claims, &inputs, problems));
    }
    absent.sort_unstable();
    let digest = inputs.digest.clone();
    inputs.excerpts(&manifest, problems);
    // All the rest is not needed any more, and may be large.
    let document = inputs.files.remove(Inputs::DOCUMENT).filter(|_| !manifest.canaries.is_empty());
    let file = manifest.file;
    drop(inputs);
    if problems.has_errors() {
        return None;
    }
    let (ipv4, ipv6) = (ranges.ipv4.settle(), ranges.ipv6.settle());
    let trie = Trie::new(ipv4.winners, ipv6.winners);
    let beaten = Beaten { ipv4: ipv4.beaten, ipv6: ipv6.beaten };
    let table = Table {
        version: manifest.version,
        ttl: manifest.ttl,
        digest,
        cdns: manifest.cdns,
        mixes: manifest.mixes,
        footprints,
        absent,
        trie,
        beaten,
        canaries: manifest.canaries,
    };
    ask_canaries(&table, problems);
    if let Some(document) = document {
        problems.excerpts(file, &document);
    }
    (!problems.has_errors()).then_some(table)
}

/// A canary tells what its address should get; a table that says otherwise is not what its
/// author meant.
fn ask_canaries(table: &Table, problems: &mut Problems) {
    for (canary, decision) in table.failing_canaries() {
        let (found, expected) = (&decision.mix.name, &table.mixes[usize::from(canary.mix)].name);
        let footprint = decision.footprint;
        problems
            .error(
                canary.place,
                format!("the canary {} gets mix `{found}` (by `{footprint}`), not `{expected}`", canary.address),
            )
            .help("correct the footprints, or the canary if the change is meant");
    }
}

/// A footprint value, the mix it wants, and where it says so.
#[derive(Clone, Copy)]
struct Claim {
    footprint: Footprint,
    mix: MixId,
    place: Place,
}

/// Every value of every footprint once, sorted; values claimed twice are told.
fn claims(manifest: &Manifest, inputs: &Inputs, problems: &mut Problems) -> Vec<Claim> {
    let of_file = |entry: &FootprintEntry| inputs.files.get(&entry.file.as_ref()?.path);
    let lines = |bytes: &Vec<u8>| bytes.split(|byte| *byte == b'\n').count();
    let values = |entry: &FootprintEntry| entry.values.len() + of_file(entry).map_or(0, lines);
    // What grows is copied, and both are there meanwhile: of the largest lists they would be the most that there is.
    let mut claims = Vec::with_capacity(manifest.footprints.iter().map(values).sum());
    for entry in &manifest.footprints {
        let claim = |(footprint, place)| Claim { footprint, mix: entry.mix, place };
        claims.extend(entry.values.iter().copied().map(claim));
        let file = entry.file.as_ref().and_then(|file| Some((file, inputs.files.get(&file.path)?)));
        if let Some((file, bytes)) = file {
            values_of_file(entry.kind, file, bytes, problems, |value| claims.push(claim(value)));
        }
    }
    claims.sort_unstable_by_key(|claim| (claim.footprint, claim.place));
    claims.dedup_by(|second, first| {
        let same = first.footprint == second.footprint;
        if same {
            claimed_twice(manifest, *first, *second, problems);
        }
        same
    });
    claims
}

fn claimed_twice(manifest: &Manifest, first: Claim, second: Claim, problems: &mut Problems) {
    let name = |claim: Claim| manifest.mixes.get(usize::from(claim.mix)).map_or("", |mix| mix.name.as_str());
    let footprint = first.footprint;
    if first.mix == second.mix {
        problems
            .warning(second.place, format!("`{footprint}` is listed twice"))
            .also(first.place, "first listed here")
            .help("keep one of them");
    } else {
        problems
            .error(
                second.place,
                format!("`{footprint}` gets mix `{}` here but `{}` elsewhere", name(second), name(first)),
            )
            .also(first.place, format!("mix `{}` here", name(first)))
            .help("keep the one that is meant");
    }
}

/// Reads a `footprint-file`: one value a line, `#` comments, a newline at the end.
fn values_of_file(
    kind: FootprintType,
    file: &FileRef,
    bytes: &[u8],
    problems: &mut Problems,
    mut value: impl FnMut((Footprint, Place)),
) {
    let id = problems.file(&file.name);
    if bytes.is_empty() {
        problems
            .error(Place::whole_file(id), "the file is empty: it may be cut short")
            .help("write or fetch it again, whole");
        return;
    }
    if !bytes.ends_with(b"\n") {
        problems
            .error(Place::end_of(id, bytes), "the file does not end in a newline: it may be cut short")
            .help("write or fetch it again, whole; if it is, add the newline");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        let mark = Place { file: id, line: 1, column: 1, length: 1 };
        problems.error(mark, "the file begins with a byte order mark").help("write it without one, as plain UTF-8");
        return;
    }
    // What is left of a line that is cut short is no value.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut values = 0_usize;
    for (line, number) in bytes[..whole].split(|byte| *byte == b'\n').zip(1..) {
        let content = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let written = content.trim_ascii();
        if written.is_empty() {
            continue;
        }
        values += 1;
        let indent = content.len() - content.trim_ascii_start().len();
        let written = String::from_utf8_lossy(written);
        let length = saturate(written.chars().count());
        let place = Place { file: id, line: number, column: saturate(indent + 1), length };
        match kind.value(&written) {
            Ok(footprint) => value((footprint, place)),
            Err(wrong) => problems.error(place, wrong.message).help = wrong.help,
        }
    }
    if values == 0 && whole == bytes.len() {
        problems
            .error(Place::whole_file(id), "the file has no values")
            .help("remove the footprint that names it if none are meant");
    }
}

/// What every footprint reaches. A range's value is the footprint's id.
#[derive(Default)]
struct Ranges {
    ipv4: Reached<u32>,
    ipv6: Reached<u128>,
}

impl Ranges {
    fn add_cidrs(&mut self, footprints: &Footprints) {
        for ((footprint, _), id) in footprints.iter().zip(0..) {
            match footprint {
                Footprint::Ipv4Cidr(network) => {
                    let start = network.network_address().to_bits();
                    self.ipv4.add(start, network.broadcast_address().to_bits(), CIDR_LAYER, id);
                }
                Footprint::Ipv6Cidr(network) => {
                    let start = network.network_address().to_bits();
                    self.ipv6.add(start, network.last_address().to_bits(), CIDR_LAYER, id);
                }
                _ => {}
            }
        }
    }

    /// Adds the ranges of the ASes or countries that are claimed. Gives those without any range: each is
    /// probably a slip, and told.
    fn add_dataset(
        &mut self,
        kind: FootprintType,
        files: &[FileRef],
        claims: &[(FootprintId, Claim)],
        inputs: &Inputs,
        problems: &mut Problems,
    ) -> Vec<Footprint> {
        let key = |claim: &Claim| dataset::key(kind, claim.footprint);
        let claimed: HashMap<Key, FootprintId> =
            claims.iter().filter_map(|(id, claim)| Some((key(claim)?, *id))).collect();
        let layer = if kind == FootprintType::Asn { ASN_LAYER } else { COUNTRY_LAYER };
        let mut read = Dataset::new(kind);
        for file in files.iter().filter(|_| !claimed.is_empty()) {
            if let Some(bytes) = inputs.files.get(&file.path) {
                let id = problems.file(&file.name);
                read.add(id, &file.path, bytes, inputs.limit, problems);
            }
        }
        let Settled { ipv4, ipv6 } = read.settle(problems);
        let find = |key| claimed.get(&key).copied();
        self.ipv4.add_owned(&ipv4, layer, find);
        self.ipv6.add_owned(&ipv6, layer, find);
        if problems.has_errors() {
            return Vec::new(); // the dataset may not be whole
        }
        let seen: HashSet<_> = self.ipv4.footprints(layer).chain(self.ipv6.footprints(layer)).collect();
        let absent = claims.iter().filter(|(id, claim)| key(claim).is_some() && !seen.contains(id));
        let told = absent.map(|(_, claim)| {
            problems.warning(claim.place, format!("`{}` has no addresses in the datasets", claim.footprint)).help(
                match claim.footprint.to_string().as_str() {
                    "countrycode:uk" => "did you mean `gb`? that is the United Kingdom's code (ISO 3166-1)",
                    "countrycode:el" => "did you mean `gr`? that is the code of Greece (ISO 3166-1)",
                    _ => "correct it, or take it out",
                },
            );
            claim.footprint
        });
        told.collect()
    }
}
