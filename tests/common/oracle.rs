//! What a table should answer, worked out a second way.
//!
//! Shares no code with the crate: the manifest is a `serde_json::Value`, the datasets are split at
//! newlines and commas, CIDRs live in the `prefix-trie` crate, ranges in sorted lists. It expects a
//! good table and panics over a bad one.
//!
//! To use it from a test: `#[path = "common/oracle.rs"] mod oracle;`.
#![allow(dead_code, reason = "each test uses its own part of this")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use prefix_trie::PrefixMap;
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub const BOTH: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    pub fn bits(self) -> u8 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }

    /// The last address, as a number.
    pub fn last(self) -> u128 {
        match self {
            Self::Ipv4 => u128::from(u32::MAX),
            Self::Ipv6 => u128::MAX,
        }
    }

    pub fn address(self, number: u128) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::from(u32::try_from(number).expect("an IPv4 address")).into(),
            Self::Ipv6 => Ipv6Addr::from(number).into(),
        }
    }
}

pub fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// A table, as far as footprint and mix go.
pub struct Oracle {
    ipv4: Space,
    ipv6: Space,
    default: String,
    /// How many CDNs of each mix have a weight above 0.
    weighted: HashMap<String, usize>,
}

/// A footprint and its mix, as answers report them.
pub type Claim = (String, String);

/// A claim that has an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    pub claim: Claim,
    /// Another range of its dataset has the address.
    pub outdone: bool,
}

/// One address family.
struct Space {
    family: Family,
    /// Keys are left-aligned: an IPv4 address is the first 32 of the 128 bits.
    cidrs: PrefixMap<(u128, u8), Claim>,
    asn: Ranges,
    country: Ranges,
    /// First and last address of each range of each footprint, CIDRs first.
    reached: Vec<(u128, u128)>,
    /// Where the answer may differ from the address before, sorted.
    changes: Vec<u128>,
}

#[derive(Default)]
struct Ranges {
    /// By first address.
    rows: Vec<Row>,
    /// The furthest last address up to each row.
    furthest: Vec<u128>,
}

struct Row {
    start: u128,
    end: u128,
    order: u32,
    claim: Option<Claim>,
}

impl Oracle {
    pub fn read(dir: &Path, manifest_name: &str) -> Self {
        let bytes = |path: &str| {
            let path = dir.join(path);
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let manifest = String::from_utf8(bytes(manifest_name)).expect("a manifest is text");
        Self::new(&manifest, bytes)
    }

    /// `file` gives the bytes of a file that the manifest names.
    pub fn new(manifest: &str, file: impl Fn(&str) -> Vec<u8>) -> Self {
        let manifest: Value = serde_json::from_str(manifest).expect("a manifest is JSON");
        let mut spaces = [Space::new(Family::Ipv4), Space::new(Family::Ipv6)];
        let mut asns = HashMap::new();
        let mut countries = HashMap::new();
        for footprint in list(&manifest["footprints"]) {
            let mix = text(&footprint["mix"]);
            for value in values(footprint, &file) {
                match text(&footprint["footprint-type"]).as_str() {
                    "ipv4cidr" => spaces[0].add_cidr(&value, &mix),
                    "ipv6cidr" => spaces[1].add_cidr(&value, &mix),
                    "asn" => _ = asns.insert(value.clone(), (format!("asn:{value}"), mix.clone())),
                    "countrycode" => {
                        let code = value.to_ascii_lowercase();
                        countries.insert(code.clone(), (format!("countrycode:{code}"), mix.clone()));
                    }
                    other => panic!("footprint type {other}"),
                }
            }
        }
        for (index, space) in spaces.iter_mut().enumerate() {
            let pick = |mut both: [Ranges; 2]| std::mem::take(&mut both[index]);
            space.asn = pick(ranges(&manifest["datasets"]["asn"], &file, |key| asns.get(&format!("as{key}"))));
            let country = |key: &str| countries.get(&key.to_ascii_lowercase());
            space.country = pick(ranges(&manifest["datasets"]["countrycode"], &file, country));
            space.finish();
        }
        let above_zero =
            |mix: &Value| mix.as_object().expect("a mix").values().filter(|w| w.as_u64() != Some(0)).count();
        let mixes = manifest["mixes"].as_object().expect("mixes");
        let [ipv4, ipv6] = spaces;
        Self {
            ipv4,
            ipv6,
            default: text(&manifest["default"]),
            weighted: mixes.iter().map(|(name, mix)| (name.clone(), above_zero(mix))).collect(),
        }
    }

    /// The footprint and the mix that the address gets.
    pub fn answer(&self, ip: IpAddr) -> (String, String) {
        let ip = ip.to_canonical();
        let found = self.space(Family::of(ip)).find(number(ip));
        found.cloned().unwrap_or_else(|| ("default".to_owned(), self.default.clone()))
    }

    /// Every footprint that has the address: prefixes, the longest first, then by AS, by country, the default.
    pub fn matches(&self, ip: IpAddr) -> Vec<Matched> {
        let ip = ip.to_canonical();
        let space = self.space(Family::of(ip));
        let mut found = space.prefixes(number(ip));
        for ranges in [&space.asn, &space.country] {
            found.extend(ranges.matches(number(ip)));
        }
        found.push(Matched { claim: ("default".to_owned(), self.default.clone()), outdone: false });
        found
    }

    /// Whether a mix divides its clients among several CDNs.
    pub fn divides(&self, mix: &str) -> bool {
        self.weighted[mix] > 1
    }

    /// The addresses from `first` to `last` at which the answer may differ from the address
    /// before, and `first`: what is so of all of them is so of the whole range.
    pub fn changes(&self, first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpAddr> {
        let space = self.space(Family::of(first));
        let from = space.changes.partition_point(|change| *change <= number(first));
        let to = space.changes.partition_point(|change| *change <= number(last));
        std::iter::once(first).chain(space.changes[from..to].iter().map(|change| space.family.address(*change)))
    }

    /// `count` addresses to try: the first, the last and both neighbours of every range of every
    /// footprint (a sample, if they are too many), the others random, half of them within ranges.
    pub fn addresses(&self, family: Family, count: usize, seed: u64) -> Vec<IpAddr> {
        let space = self.space(family);
        let mut random = Random::new(seed);
        let mut numbers = space.edges(count * 3 / 5, &mut random);
        while numbers.len() < count {
            let inside = numbers.len().is_multiple_of(2) && !space.reached.is_empty();
            numbers.push(if inside {
                let (start, end) = space.reached[random.below(space.reached.len() as u128) as usize];
                start + random.up_to(end - start)
            } else if family == Family::Ipv6 && numbers.len() % 4 == 1 {
                1 << 125 | random.up_to((1 << 125) - 1)
            } else {
                random.up_to(family.last())
            });
        }
        numbers.into_iter().map(|number| family.address(number).to_canonical()).collect()
    }

    fn space(&self, family: Family) -> &Space {
        match family {
            Family::Ipv4 => &self.ipv4,
            Family::Ipv6 => &self.ipv6,
        }
    }
}

impl Space {
    fn new(family: Family) -> Self {
        Self {
            family,
            cidrs: PrefixMap::new(),
            asn: Ranges::default(),
            country: Ranges::default(),
            reached: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn add_cidr(&mut self, written: &str, mix: &str) {
        let (address, length) = written.split_once('/').expect("a prefix");
        let address: IpAddr = address.parse().expect("a prefix's address");
        let length: u8 = length.parse().expect("a prefix length");
        let first = number(address);
        let last = first + self.family.last().checked_shr(length.into()).unwrap_or(0);
        let label = format!("{}cidr:{address}/{length}", if self.family == Family::Ipv4 { "ipv4" } else { "ipv6" });
        let before = self.cidrs.insert((self.left_aligned(first), length), (label, mix.to_owned()));
        assert!(before.is_none_or(|(_, before)| before == mix), "{written} has two mixes");
        self.reached.push((first, last));
    }

    fn finish(&mut self) {
        let claimed = self.asn.rows.iter().chain(&self.country.rows).filter(|row| row.claim.is_some());
        let claimed: Vec<_> = claimed.map(|row| (row.start, row.end)).collect();
        self.changes = self
            .reached
            .iter()
            .copied()
            .chain(self.asn.bounds())
            .chain(self.country.bounds())
            .flat_map(|(start, end)| [Some(start), end.checked_add(1).filter(|next| *next <= self.family.last())])
            .flatten()
            .collect();
        self.changes.sort_unstable();
        self.changes.dedup();
        self.reached.extend(claimed);
    }

    fn find(&self, address: u128) -> Option<&Claim> {
        let by_prefix = self.cidrs.get_lpm(&(self.left_aligned(address), self.family.bits()));
        by_prefix.map(|(_, claim)| claim).or_else(|| self.asn.find(address)).or_else(|| self.country.find(address))
    }

    fn prefixes(&self, address: u128) -> Vec<Matched> {
        let has = |(start, length): &(u128, u8)| {
            let host = u128::MAX.checked_shr((*length).into()).unwrap_or(0);
            self.left_aligned(address) & !host == *start
        };
        let mut found: Vec<_> = self.cidrs.iter().filter(|(prefix, _)| has(prefix)).collect();
        found.sort_by_key(|((_, length), _)| std::cmp::Reverse(*length));
        found.into_iter().map(|(_, claim)| Matched { claim: claim.clone(), outdone: false }).collect()
    }

    fn edges(&self, most: usize, random: &mut Random) -> Vec<u128> {
        let around = |&(start, end): &(u128, u128)| {
            [Some(start), Some(end), start.checked_sub(1), end.checked_add(1)].into_iter().flatten()
        };
        let mut seen = std::collections::HashSet::new();
        let mut edges: Vec<u128> = self.reached.iter().flat_map(around).collect();
        edges.retain(|edge| *edge <= self.family.last() && seen.insert(*edge));
        // The prefixes' edges come first and stay; the others are drawn.
        let kept = (self.cidrs.len() * 4).min(most);
        for index in kept..most.min(edges.len()) {
            let drawn = index + random.below((edges.len() - index) as u128) as usize;
            edges.swap(index, drawn);
        }
        edges.truncate(most);
        edges
    }

    fn left_aligned(&self, number: u128) -> u128 {
        number << (128 - self.family.bits())
    }
}

impl Ranges {
    /// The claim on the range that the address is in: the narrowest, of those the first written.
    fn find(&self, address: u128) -> Option<&Claim> {
        self.over(address).min_by_key(|row| (row.end - row.start, row.order))?.claim.as_ref()
    }

    /// The claim on that range and every other on ranges that the address is in.
    fn matches(&self, address: u128) -> Vec<Matched> {
        let mut rows: Vec<_> = self.over(address).collect();
        rows.sort_by_key(|row| (row.end - row.start, row.order));
        let mut found: Vec<Matched> = Vec::new();
        for (index, row) in rows.into_iter().enumerate() {
            let claim = row.claim.clone().filter(|claim| found.iter().all(|before| before.claim != *claim));
            found.extend(claim.map(|claim| Matched { claim, outdone: index > 0 }));
        }
        found
    }

    fn over(&self, address: u128) -> impl Iterator<Item = &Row> {
        let after = self.rows.partition_point(|row| row.start <= address);
        let reach = (0..after).rev().take_while(move |index| self.furthest[*index] >= address);
        reach.map(|index| &self.rows[index]).filter(move |row| row.end >= address)
    }

    fn bounds(&self) -> impl Iterator<Item = (u128, u128)> {
        self.rows.iter().map(|row| (row.start, row.end))
    }
}

/// The rows of all files of one dataset: IPv4, IPv6.
fn ranges<'c>(files: &Value, file: impl Fn(&str) -> Vec<u8>, claim: impl Fn(&str) -> Option<&'c Claim>) -> [Ranges; 2] {
    let mut both = [Ranges::default(), Ranges::default()];
    let mut order = 0;
    for path in list(files) {
        for line in lines(&unpacked(file(&path_of(path)))).into_iter().skip(1) {
            let [start, end, key] = line.split(',').collect::<Vec<_>>()[..] else { panic!("row {line}") };
            let mut start: IpAddr = start.parse().expect("a first address");
            let mut end: IpAddr = end.parse().expect("a last address");
            if let (IpAddr::V6(first), IpAddr::V6(last)) = (start, end) {
                // A range of IPv4-mapped addresses is IPv4's.
                if let (Some(first), Some(last)) = (first.to_ipv4_mapped(), last.to_ipv4_mapped()) {
                    (start, end) = (first.into(), last.into());
                }
            }
            order += 1;
            let row = Row { start: number(start), end: number(end), order, claim: claim(key).cloned() };
            both[usize::from(start.is_ipv6())].rows.push(row);
        }
    }
    for Ranges { rows, furthest } in &mut both {
        rows.sort_by_key(|row| row.start);
        furthest.extend(rows.iter().scan(0, |most, row| {
            *most = row.end.max(*most);
            Some(*most)
        }));
    }
    both
}

/// Every value of a footprint, from the manifest and from its file.
fn values(footprint: &Value, file: impl Fn(&str) -> Vec<u8>) -> Vec<String> {
    let mut values: Vec<String> = list(&footprint["footprint-value"]).iter().map(text).collect();
    if !footprint["footprint-file"].is_null() {
        for line in lines(&file(&path_of(&footprint["footprint-file"]))) {
            let value = line.split('#').next().unwrap_or_default().trim();
            values.extend((!value.is_empty()).then(|| value.to_owned()));
        }
    }
    values
}

fn unpacked(bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).expect("a gzip file");
    unpacked
}

fn lines(bytes: &[u8]) -> Vec<&str> {
    std::str::from_utf8(bytes).expect("text").split_terminator('\n').collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// A path stands alone or in an object that pins it.
fn path_of(value: &Value) -> String {
    if value.is_object() { text(&value["path"]) } else { text(value) }
}

/// Marsaglia's xorshift64*: the same numbers from the same seed, on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Seeds are small; the state must not be 0 and should have many bits set.
        Self((seed ^ 0x5851_f42d_4c95_7f2d) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to `most`, both included.
    pub fn up_to(&mut self, most: u128) -> u128 {
        let number = u128::from(self.next()) << 64 | u128::from(self.next());
        most.checked_add(1).map_or(number, |count| number % count)
    }

    /// From 0 to `count` - 1.
    pub fn below(&mut self, count: u128) -> u128 {
        self.up_to(count - 1)
    }
}
