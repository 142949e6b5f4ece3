//! `croupier-loadtest compare tables`: one table as Croupier, nginx and HAProxy read it.
//!
//! nginx and HAProxy can't choose by weight, so each mix has one CDN with a weight and two
//! fallbacks: the order is the same for every client. What they can't say of an answer (its scope
//! and footprint) is constant in theirs, so that answers are about as long.

use std::collections::HashSet;
use std::fmt::{Display, Write};
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use fastrand::Rng;
use ip_network::{IpNetwork, Ipv4Network, Ipv6Network};
use serde_json::{Value, json};

use crate::Outcome;

/// In byte order, which is that of fallbacks.
const CDNS: [&str; 4] = ["akamai", "bidi", "cloudfront", "fastly"];

const TTL: u32 = 300;

/// With --moved, one prefix of so many has another mix.
const MOVED_ONE_OF: usize = 10;

/// Write a table as Croupier, nginx and HAProxy read it.
///
/// Distinct prefixes with about the lengths of the global routing table, nested where they happen to
/// be, spread over a dozen mixes: cdn-table.json with its prefix files, nginx-geo.conf and
/// nginx-answers.conf for the inside of `geo` and `map`, haproxy-mixes.map and haproxy-answers.map.
#[derive(Debug, Args)]
pub struct Tables {
    /// A directory, made if it is not there.
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,
    /// IPv4 prefixes.
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    ipv4: u32,
    /// IPv6 prefixes.
    #[arg(long, default_value_t = 200_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    ipv6: u32,
    /// The table's version, which each answer has.
    #[arg(long, default_value = "one", value_name = "TEXT", value_parser = version)]
    version: String,
    /// The table that comes after it: one prefix of ten has another mix.
    #[arg(long)]
    moved: bool,
    /// Two tables of one seed have the same prefixes.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

struct Mix {
    name: String,
    /// The first has all of the weight.
    cdns: Vec<&'static str>,
}

impl Tables {
    pub fn run(self) -> Outcome {
        fs::create_dir_all(&self.to).map_err(|error| format!("{}: {error}", self.to.display()))?;
        let mixes = mixes();
        let prefixes = self.prefixes(mixes.len());
        self.write_croupier(&mixes, &prefixes)?;
        self.write("nginx-geo.conf", prefixes.iter().map(|(prefix, mix)| format!("{prefix} {};", mixes[*mix].name)))?;
        self.write("haproxy-mixes.map", prefixes.iter().map(|(prefix, mix)| format!("{prefix} {}", mixes[*mix].name)))?;
        let answer = |mix: &Mix| self.answer(mix);
        self.write("nginx-answers.conf", mixes.iter().map(|mix| format!("{} '{}';", mix.name, answer(mix))))?;
        self.write("haproxy-answers.map", mixes.iter().map(|mix| format!("{} {}", mix.name, answer(mix))))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Each with the place of its mix.
    fn prefixes(&self, mixes: usize) -> Vec<(IpNetwork, usize)> {
        let mut random = Rng::with_seed(self.seed);
        let ipv4 = distinct(self.ipv4, || ipv4(&mut random));
        let ipv6 = distinct(self.ipv6, || ipv6(&mut random));
        let mix = |place: usize| {
            let moved = self.moved && place.is_multiple_of(MOVED_ONE_OF);
            (place + usize::from(moved)) % mixes
        };
        ipv4.into_iter().chain(ipv6).enumerate().map(|(place, prefix)| (prefix, mix(place))).collect()
    }

    fn write_croupier(&self, mixes: &[Mix], prefixes: &[(IpNetwork, usize)]) -> Result<(), String> {
        let mut footprints = Vec::new();
        for (place, mix) in mixes.iter().enumerate() {
            for (kind, is_ipv4) in [("ipv4cidr", true), ("ipv6cidr", false)] {
                let listed = |(prefix, of): &&(IpNetwork, usize)| *of == place && prefix.is_ipv4() == is_ipv4;
                let listed: Vec<_> = prefixes.iter().filter(listed).collect();
                if listed.is_empty() {
                    continue;
                }
                let file = format!("{kind}-{}.txt", mix.name);
                self.write(&file, listed.iter().map(|(prefix, _)| prefix))?;
                footprints.push(json!({ "footprint-type": kind, "footprint-file": file, "mix": mix.name }));
            }
        }
        let cdns: serde_json::Map<_, _> =
            CDNS.iter().map(|cdn| ((*cdn).to_owned(), json!({ "url": url(cdn) }))).collect();
        let weights = |mix: &Mix| -> Value {
            mix.cdns.iter().enumerate().map(|(place, cdn)| ((*cdn).to_owned(), json!(u8::from(place == 0)))).collect()
        };
        let weighed: serde_json::Map<_, _> = mixes.iter().map(|mix| (mix.name.clone(), weights(mix))).collect();
        let document = json!({
            "version": self.version, "ttl": TTL, "cdns": cdns, "mixes": weighed,
            "footprints": footprints, "default": mixes[0].name
        });
        self.write("cdn-table.json", [document])
    }

    /// What follows address, scope and footprint in an answer of nginx or HAProxy, in Croupier's order.
    fn answer(&self, mix: &Mix) -> String {
        let cdns: Vec<_> = mix.cdns.iter().map(|cdn| format!(r#"{{"name":"{cdn}","url":"{}"}}"#, url(cdn))).collect();
        format!(
            r#""mix":"{}","cdn":"{}","cdns":[{}],"ttl":{TTL},"version":"{}","generation":1"#,
            mix.name,
            mix.cdns[0],
            cdns.join(","),
            self.version
        )
    }

    fn write(&self, name: &str, lines: impl IntoIterator<Item = impl Display>) -> Result<(), String> {
        let mut text = String::new();
        for line in lines {
            // Writing to memory does not fail.
            _ = writeln!(text, "{line}");
        }
        let path = self.to.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Each CDN first, with two of the others after it: a dozen.
fn mixes() -> Vec<Mix> {
    let mut mixes = Vec::new();
    for first in CDNS {
        for without in CDNS.into_iter().filter(|cdn| *cdn != first) {
            let fallbacks = CDNS.into_iter().filter(|cdn| *cdn != first && *cdn != without);
            let cdns = std::iter::once(first).chain(fallbacks).collect();
            mixes.push(Mix { name: format!("mix-{}", mixes.len()), cdns });
        }
    }
    mixes
}

fn url(cdn: &str) -> String {
    format!("https://{cdn}.example/")
}

fn ipv4(random: &mut Rng) -> Option<IpNetwork> {
    let length = match random.u8(..100) {
        0..60 => 24,
        60..70 => 23,
        70..80 => 22,
        80..85 => 20,
        _ => random.u8(16..22),
    };
    // Most of the unicast space.
    let bits = random.u32(0x0100_0000..0xe000_0000);
    Ipv4Network::new_truncate(Ipv4Addr::from_bits(bits), length).ok().map(IpNetwork::V4)
}

fn ipv6(random: &mut Rng) -> Option<IpNetwork> {
    let length = match random.u8(..100) {
        0..45 => 48,
        45..65 => 32,
        _ => random.u8(29..45),
    };
    // Four registries' blocks, so that prefixes nest.
    let block = [0x2001, 0x2400, 0x2600, 0x2a00][random.usize(..4)] + random.u128(..16);
    let bits = block << 112 | random.u128(..1 << 112);
    Ipv6Network::new_truncate(Ipv6Addr::from_bits(bits), length).ok().map(IpNetwork::V6)
}

fn distinct(count: u32, mut draw: impl FnMut() -> Option<IpNetwork>) -> Vec<IpNetwork> {
    let mut seen = HashSet::new();
    let mut drawn = Vec::new();
    while drawn.len() < count as usize {
        drawn.extend(draw().filter(|prefix| seen.insert(*prefix)));
    }
    drawn
}

/// One that needs no quoting anywhere.
fn version(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("must be of letters, digits, '.', '-' and '_'".to_owned())
    }
}
