//! Whom requests ask about: addresses at random, by prefix, from a file, or few of them often.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fastrand::Rng;
use ip_network::IpNetwork;

use crate::table;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Both families by turns.
    Random,
    Ipv4,
    /// Of `2000::/3`, where networks are.
    Ipv6,
    /// Each prefix as often as any other, whatever its size.
    Prefixes(PathBuf),
    /// A list of addresses, in its order, again and again.
    List(PathBuf),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "random" => Ok(Self::Random),
            None if text == "ipv4" => Ok(Self::Ipv4),
            None if text == "ipv6" => Ok(Self::Ipv6),
            Some(("prefixes", file)) if !file.is_empty() => Ok(Self::Prefixes(file.into())),
            Some(("file", file)) if !file.is_empty() => Ok(Self::List(file.into())),
            _ => Err("not one of random, ipv4, ipv6, prefixes:FILE, file:FILE".to_owned()),
        }
    }
}

/// An endless row of addresses, the same for the same seed.
#[derive(Debug, Clone)]
pub struct Addresses {
    pool: Pool,
    random: Rng,
    hot: Option<Hot>,
}

#[derive(Debug, Clone)]
enum Pool {
    Random,
    Ipv4,
    Ipv6,
    Prefixes(Vec<IpNetwork>),
    List { addresses: Vec<IpAddr>, next: usize },
}

/// Some addresses, the first of them the most often: the k-th with a weight of 1 / k^skew.
#[derive(Debug, Clone)]
struct Hot {
    addresses: Vec<IpAddr>,
    /// The sum of the weights up to each.
    weights: Vec<f64>,
}

impl Addresses {
    pub fn new(source: &Source, hot: Option<(u32, f64)>, seed: u64) -> Result<Self, String> {
        let pool = match source {
            Source::Random => Pool::Random,
            Source::Ipv4 => Pool::Ipv4,
            Source::Ipv6 => Pool::Ipv6,
            Source::Prefixes(file) if is_table(file) => Pool::Prefixes(table::prefixes(file)?),
            Source::Prefixes(file) => {
                Pool::Prefixes(lines::<Prefix>(file)?.into_iter().map(|prefix| prefix.0).collect())
            }
            Source::List(file) => Pool::List { addresses: lines(file)?, next: 0 },
        };
        let mut addresses = Self { pool, random: Rng::with_seed(seed), hot: None };
        if let Some((count, skew)) = hot {
            let chosen = (0..count).map(|_| addresses.next()).collect();
            addresses.hot = Some(Hot::new(chosen, skew));
        }
        Ok(addresses)
    }

    pub fn next(&mut self) -> IpAddr {
        let random = &mut self.random;
        if let Some(hot) = &self.hot {
            return hot.at(random.f64());
        }
        match &mut self.pool {
            Pool::Random if random.bool() => ipv4(random),
            Pool::Random | Pool::Ipv6 => ipv6(random),
            Pool::Ipv4 => ipv4(random),
            Pool::Prefixes(prefixes) => {
                let place = random.usize(..prefixes.len());
                within(prefixes[place], random)
            }
            Pool::List { addresses, next } => {
                *next = (*next + 1) % addresses.len();
                addresses[(*next + addresses.len() - 1) % addresses.len()]
            }
        }
    }
}

impl Hot {
    fn new(addresses: Vec<IpAddr>, skew: f64) -> Self {
        let mut sum = 0.0;
        let weight = |place: usize| (place as f64).powf(-skew);
        let add = |place| {
            sum += weight(place);
            sum
        };
        let weights = (1..=addresses.len()).map(add).collect();
        Self { addresses, weights }
    }

    /// Of a number from 0 up to 1.
    fn at(&self, drawn: f64) -> IpAddr {
        let wanted = drawn * self.weights.last().unwrap_or(&0.0);
        let place = self.weights.partition_point(|sum| *sum <= wanted);
        self.addresses[place.min(self.addresses.len() - 1)]
    }
}

fn ipv4(random: &mut Rng) -> IpAddr {
    Ipv4Addr::from_bits(random.u32(..)).into()
}

fn ipv6(random: &mut Rng) -> IpAddr {
    Ipv6Addr::from_bits(random.u128(..) >> 3 | 1 << 125).into()
}

fn within(prefix: IpNetwork, random: &mut Rng) -> IpAddr {
    match prefix {
        IpNetwork::V4(prefix) => {
            let host = u32::MAX.checked_shr(prefix.netmask().into()).unwrap_or(0);
            Ipv4Addr::from_bits(prefix.network_address().to_bits() | random.u32(..) & host).into()
        }
        IpNetwork::V6(prefix) => {
            let host = u128::MAX.checked_shr(prefix.netmask().into()).unwrap_or(0);
            Ipv6Addr::from_bits(prefix.network_address().to_bits() | random.u128(..) & host).into()
        }
    }
}

fn is_table(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// One value a line; `#` begins a comment.
pub fn lines<T: FromStr>(file: &Path) -> Result<Vec<T>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut values = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let value = line.split('#').next().unwrap_or_default().trim();
        if !value.is_empty() {
            let place = || format!("{}, line {}", file.display(), number + 1);
            values.push(value.parse().map_err(|_| format!("{}: '{value}' is not understood", place()))?);
        }
    }
    if values.is_empty() {
        return Err(format!("{}: nothing in it", file.display()));
    }
    Ok(values)
}

/// A prefix as a table or a list has it: a bare address is one too.
pub struct Prefix(pub IpNetwork);

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let length = if text.contains(':') { 128 } else { 32 };
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNetwork::new(address, length).map_err(|error| error.to_string())?,
            Err(_) => text.parse::<IpNetwork>().map_err(|error| error.to_string())?,
        };
        Ok(Self(network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(source: &Source, hot: Option<(u32, f64)>, seed: u64) -> Vec<IpAddr> {
        let mut addresses = Addresses::new(source, hot, seed).unwrap();
        (0..10_000).map(|_| addresses.next()).collect()
    }

    #[test]
    fn random_addresses_are_of_both_families_and_repeat_with_their_seed() {
        let found = some(&Source::Random, None, 1);
        let ipv4 = found.iter().filter(|address| address.is_ipv4()).count();
        assert!(ipv4.abs_diff(5000) < 300, "{ipv4}");
        assert_eq!(found, some(&Source::Random, None, 1));
        assert_ne!(found, some(&Source::Random, None, 2));
        let network: IpNetwork = "2000::/3".parse().unwrap();
        assert!(some(&Source::Ipv6, None, 1).into_iter().all(|address| network.contains(address)));
    }

    #[test]
    fn prefixes_are_chosen_evenly_whatever_their_size() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("prefixes.txt");
        fs::write(&file, "# of three sizes\n10.0.0.0/8\n192.0.2.0/30 # small\n2001:db8::/32\n\n").unwrap();
        let found = some(&Source::Prefixes(file), None, 1);
        for text in ["10.0.0.0/8", "192.0.2.0/30", "2001:db8::/32"] {
            let network: IpNetwork = text.parse().unwrap();
            let within = found.iter().filter(|address| network.contains(**address)).count();
            assert!(within.abs_diff(3333) < 200, "{text}: {within}");
        }
    }

    #[test]
    fn a_list_is_asked_in_its_order() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("addresses.txt");
        fs::write(&file, "192.0.2.1\n192.0.2.2\n").unwrap();
        let found = some(&Source::List(file.clone()), None, 1);
        assert_eq!(found[..3], ["192.0.2.1", "192.0.2.2", "192.0.2.1"].map(|text| text.parse::<IpAddr>().unwrap()));
        fs::write(&file, "192.0.2.1\nnonsense\n").unwrap();
        assert!(Addresses::new(&Source::List(file), None, 1).unwrap_err().contains("line 2: 'nonsense'"));
    }

    #[test]
    fn hot_addresses_follow_their_ranks() {
        let found = some(&Source::Ipv4, Some((100, 1.0)), 1);
        let mut counts = std::collections::HashMap::<IpAddr, usize>::new();
        for address in found {
            *counts.entry(address).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_values().collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        assert!(counts.len() <= 100);
        // Of 1 + 1/2 + ... + 1/100 = 5.19 the first has 1, the second a half.
        assert!(counts[0].abs_diff(1928) < 200 && counts[1].abs_diff(964) < 150, "{counts:?}");
    }

    #[test]
    fn sources_are_read() {
        assert_eq!("prefixes:a:b".parse(), Ok(Source::Prefixes("a:b".into())));
        assert!("prefixes:".parse::<Source>().is_err() && "ipv5".parse::<Source>().is_err());
    }
}
