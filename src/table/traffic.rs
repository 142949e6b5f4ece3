//! Viewers: how many clients each prefix has, and how many of them a table moves.
//!
//! Read from `prefix,clients` lines. Prefixes may overlap: each line's clients are their own. A
//! prefix that moves in part counts in proportion, as if its clients were spread evenly over it.

use std::collections::BTreeMap;

use ip_network::IpNetwork;
use serde::{Deserialize, Serialize};

use super::Table;
use super::diff::plain;
use super::footprint::{Footprint, FootprintType, shorten};
use super::moves::Moves;
use super::problem::{Place, Problems, saturate};
use super::walk::{Walk, size};

/// Clients of a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clients {
    pub prefix: IpNetwork,
    pub clients: u64,
}

/// How many clients get another first CDN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    #[serde(serialize_with = "plain")]
    pub clients: f64,
    #[serde(serialize_with = "plain")]
    pub moved: f64,
    pub share: f64,
    /// Largest first, then by name.
    pub moves: Vec<ClientMove>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientMove {
    pub from: String,
    pub to: String,
    #[serde(serialize_with = "plain")]
    pub clients: f64,
}

impl Traffic {
    pub fn between(old: &Table, new: &Table, lines: &[Clients]) -> Self {
        let mut moves = Moves::new(old, new);
        let ipv6 = lines.iter().map(|line| line.prefix).filter(IpNetwork::is_ipv6);
        let widest_asked = moves.widest_asked(ipv6.flat_map(|prefix| Walk::new(&old.trie, &new.trie, prefix)));
        let mut by_cdn = BTreeMap::<_, f64>::new();
        for Clients { prefix, clients } in lines {
            let each = *clients as f64 / size(*prefix);
            let widest_asked = if prefix.is_ipv4() { u64::MAX } else { widest_asked };
            for region in moves.walk(*prefix) {
                moves.each(&region, widest_asked, |one| {
                    *by_cdn.entry((one.from, one.to)).or_default() += one.size * each;
                });
            }
        }
        let name = |cdn: usize| moves.names[cdn].to_owned();
        let shown = |((from, to), clients)| ClientMove { from: name(from), to: name(to), clients };
        let mut sorted: Vec<_> = by_cdn.into_iter().filter(|(_, clients)| *clients > 0.0).map(shown).collect();
        // Stable: names stay in order.
        sorted.sort_by(|one, other| other.clients.total_cmp(&one.clients));
        let clients: f64 = lines.iter().map(|line| line.clients as f64).sum();
        let sum: f64 = sorted.iter().map(|one| one.clients).sum();
        Self { clients, moved: sum, share: if clients > 0.0 { sum / clients } else { 0.0 }, moves: sorted }
    }
}

/// Reads `prefix,clients` lines of both families; `#` begins a comment, and a first line that
/// names the columns is skipped.
pub fn read(name: &str, bytes: &[u8], problems: &mut Problems) -> Vec<Clients> {
    let file = problems.file(name);
    let (mut lines, mut first) = (Vec::new(), true);
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        let content = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let written = String::from_utf8_lossy(content.trim_ascii());
        let header = first && written == "prefix,clients";
        first &= written.is_empty();
        if written.is_empty() || header {
            continue;
        }
        let indent = content.len() - content.trim_ascii_start().len();
        let length = saturate(written.chars().count());
        let place = Place { file, line: number, column: saturate(indent + 1), length };
        match clients(&written) {
            Ok(clients) => lines.push(clients),
            Err((message, help)) => problems.error(place, message).help = help,
        }
    }
    if lines.is_empty() && !problems.has_errors() {
        problems.error(Place::whole_file(file), "the file has no clients").help("write `prefix,clients` lines");
    }
    problems.excerpts(file, bytes);
    lines
}

fn clients(written: &str) -> Result<Clients, (String, Option<String>)> {
    let Some((prefix, clients)) = written.split_once(',') else {
        let message = format!("`{}` has no number of clients", shorten(written));
        return Err((message, Some("write `prefix,clients`, as in `192.0.2.0/24,1200`".to_owned())));
    };
    let (prefix, clients) = (prefix.trim_ascii(), clients.trim_ascii());
    let kind = if prefix.contains(':') { FootprintType::Ipv6Cidr } else { FootprintType::Ipv4Cidr };
    let prefix = match kind.value(prefix).map_err(|wrong| (wrong.message, wrong.help))? {
        Footprint::Ipv4Cidr(network) => IpNetwork::V4(network),
        Footprint::Ipv6Cidr(network) => IpNetwork::V6(network),
        other => return Err((format!("`{other}` is not a prefix"), None)),
    };
    let digits = clients.bytes().all(|byte| byte.is_ascii_digit());
    match clients.parse() {
        Ok(clients) if digits => Ok(Clients { prefix, clients }),
        _ => {
            let message = format!("`{}` is not a number of clients", shorten(clients));
            Err((message, Some("write a whole number, digits only".to_owned())))
        }
    }
}
