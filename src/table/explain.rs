//! Why an address gets what it gets: every footprint that matches it, what each CDN drew, and what
//! bounds the scope.
//!
//! An explanation has all members of an answer, with the same values, and the reasons beside them. How
//! the reasons are worded is in [`reason`](super::reason).

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use ip_network::{IpNetwork, Ipv4Network, Ipv6Network};
use serde::{Serialize, Serializer};

use super::effective::{AllDown, Effective};
use super::footprint::{Footprint, FootprintType};
use super::lookup::{Decision, Table};
use super::mix::{Subnet, fnv1a};
use super::overrides::Override;
use super::reason::{Reason, ScopeReason};
use super::trie::{DEFAULT, FootprintId};

/// The answer to an address, and why. Serializes as the admin listener shows it.
#[derive(Debug, Serialize)]
pub struct Explanation<'t> {
    pub ip: IpAddr,
    #[serde(serialize_with = "shown")]
    pub scope: IpNetwork,
    #[serde(serialize_with = "shown")]
    pub footprint: Footprint,
    pub mix: &'t str,
    pub cdn: Option<&'t str>,
    /// In the order in which a client should try them.
    pub cdns: Vec<Choice<'t>>,
    pub ttl: u32,
    pub version: &'t str,
    pub generation: u64,
    pub digest: &'t str,
    /// Why the mix is not the footprint's own, or not as overrides would have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix_reason: Option<&'t AllDown>,
    /// Those in force.
    pub overrides: Vec<InForce<'t>>,
    #[serde(serialize_with = "shown")]
    pub scope_reason: ScopeReason,
    /// What the choice sees of the address. See [`mix`](super::mix).
    #[serde(serialize_with = "shown")]
    pub subnet: Hexadecimal,
    /// Every footprint that has the address: prefixes, the longest first, then AS, country, default.
    pub matches: Vec<Match<'t>>,
    /// What has no match.
    pub unmatched: Vec<&'static str>,
}

/// An override as its file has it.
#[derive(Debug, Serialize)]
pub struct InForce<'t> {
    #[serde(flatten)]
    pub given: &'t Override,
    /// What it does to this answer.
    pub effect: String,
}

/// A CDN of the mix, and how it comes by its place.
#[derive(Debug, Serialize)]
pub struct Choice<'t> {
    pub name: &'t str,
    pub url: &'t str,
    /// From 1.
    pub place: usize,
    pub weight: u16,
    /// None for a fallback, a CDN of weight 0: it draws nothing and comes last.
    #[serde(flatten)]
    pub drawn: Option<Drawn>,
}

/// The numbers that [`mix`](super::mix) documents.
#[derive(Debug, Serialize)]
pub struct Drawn {
    #[serde(serialize_with = "shown")]
    pub name_hash: Hexadecimal,
    #[serde(serialize_with = "shown")]
    pub hash: Hexadecimal,
    #[serde(serialize_with = "shown")]
    pub score: Hexadecimal,
}

/// Shown as the test vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hexadecimal(pub u64);

impl fmt::Display for Hexadecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A footprint that has the address.
#[derive(Debug, Serialize)]
pub struct Match<'t> {
    #[serde(serialize_with = "shown")]
    pub footprint: Footprint,
    pub mix: &'t str,
    pub won: bool,
    #[serde(serialize_with = "shown")]
    pub reason: Reason,
}

/// Explains what [`Effective::decide`] says of an address.
pub fn explain<'t>(
    table: &'t Table,
    effective: &'t Effective,
    address: IpAddr,
    generation: u64,
    now: SystemTime,
) -> Explanation<'t> {
    let decision = effective.decide(table, address);
    let (widest, footprint) = table.trie.find(address);
    let mix = table.footprints.get(footprint).1;
    let in_force = |given| InForce { given, effect: effective.effect(table, given, mix) };
    let cdns = choices(table, &decision);
    let (matches, unmatched) = matches(table, address);
    Explanation {
        ip: decision.address,
        scope: decision.scope,
        footprint: decision.footprint,
        mix: &decision.mix.name,
        cdn: cdns.first().map(|choice| choice.name),
        cdns,
        ttl: effective.ttl(table.ttl, now),
        version: &table.version,
        generation,
        digest: &table.digest,
        mix_reason: effective.instead_of(&table.mixes[usize::from(mix)].name),
        overrides: effective.in_force().map(in_force).collect(),
        scope_reason: ScopeReason::of(&decision, widest),
        subnet: Hexadecimal(Subnet::of(address).number()),
        matches,
        unmatched,
    }
}

fn choices<'t>(table: &'t Table, decision: &Decision<'t>) -> Vec<Choice<'t>> {
    let subnet = Subnet::of(decision.address);
    let choice = |(place, id)| {
        let cdn = &table.cdns[usize::from(id)];
        let draw = decision.mix.draw(subnet, id);
        Choice {
            name: &cdn.name,
            url: &cdn.url,
            place,
            weight: draw.map_or(0, |draw| draw.weight),
            drawn: draw.map(|draw| Drawn {
                name_hash: Hexadecimal(fnv1a(&cdn.name)),
                hash: Hexadecimal(draw.hash),
                score: Hexadecimal(draw.score),
            }),
        }
    };
    (1..).zip(decision.cdns.iter().copied()).map(choice).collect()
}

/// Every footprint that has the address, in order of precedence, and what has none.
fn matches(table: &Table, address: IpAddr) -> (Vec<Match<'_>>, Vec<&'static str>) {
    let (_, winner) = table.trie.find(address);
    let footprint = |id: FootprintId| table.footprints.get(id).0;
    let judged = |id: FootprintId| {
        let (footprint, mix) = table.footprints.get(id);
        let reason = Reason::of(footprint, table.footprints.get(winner).0);
        Match { footprint, mix: &table.mixes[usize::from(mix)].name, won: id == winner, reason }
    };
    let mut matches: Vec<_> = prefixes(table, address).map(judged).collect();
    let mut unmatched = Vec::new();
    if matches.is_empty() {
        unmatched.push("no footprint has a prefix around it");
    }
    let losers = table.beaten.at(address);
    for (dataset, none) in [
        (FootprintType::Asn, "no footprint names its AS"),
        (FootprintType::CountryCode, "no footprint names its country"),
    ] {
        let of_dataset = |id: &FootprintId| footprint(*id).kind() == Some(dataset);
        // Whose the address is by this dataset: if it wins, the trie tells.
        let owner = [winner].into_iter().chain(losers.to_precedence.iter().copied()).find(of_dataset);
        matches.extend(owner.map(judged));
        let mut told: Vec<FootprintId> = owner.into_iter().collect();
        for id in losers.to_range.iter().copied().filter(of_dataset) {
            if !told.contains(&id) {
                told.push(id);
                let reason = Reason::NarrowerRange(owner.map(footprint));
                matches.push(Match { reason, ..judged(id) });
            }
        }
        if told.is_empty() {
            unmatched.push(none);
        }
    }
    matches.push(judged(DEFAULT));
    (matches, unmatched)
}

/// The listed prefixes around an address, the longest first: one search a length, since there may
/// be a million of them.
fn prefixes(table: &Table, address: IpAddr) -> impl Iterator<Item = FootprintId> {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    (0..=bits).rev().filter_map(move |length| {
        let prefix = match address {
            IpAddr::V4(v4) => Footprint::Ipv4Cidr(Ipv4Network::new_truncate(v4, length).ok()?),
            IpAddr::V6(v6) => Footprint::Ipv6Cidr(Ipv6Network::new_truncate(v6, length).ok()?),
        };
        table.footprints.id(prefix)
    })
}

fn shown<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
