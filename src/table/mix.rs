//! Which CDN of a mix a client subnet gets, and in what order it falls back on the others.
//!
//! The choice is **weighted rendezvous hashing**: every CDN of the mix draws a number from the
//! client's subnet and the CDN's own name, and the lowest draw, after division by the weight,
//! wins. Nothing else goes in, so a client keeps its CDN across mixes, reloads, restarts,
//! instances and machines. Another program gets the same answers by doing this:
//!
//! 1. **Subnet**, a 64-bit number: the family in the top byte (4 or 6), below it the address's
//!    first 24 bits (IPv4) or 48 bits (IPv6) as a number. `192.0.2.77` is `0x0400_0000_00c0_0002`;
//!    `2001:db8::1` is `0x0600_2001_0db8_0000`.
//! 2. **Name**: the 64-bit FNV-1a hash of the name's bytes (offset basis `0xcbf29ce484222325`,
//!    prime `0x100000001b3`).
//! 3. **Hash**: `mix(mix(subnet) + mix(name))`, where the sum wraps and `mix` is `SplitMix64`'s
//!    finaliser: `z ^= z >>> 30; z *= 0xbf58476d1ce4e5b9; z ^= z >>> 27; z *= 0x94d049bb133111eb;
//!    z ^= z >>> 31`, on unsigned 64-bit numbers that wrap.
//! 4. **Logarithm**: `-log2(hash / 2^64)` as a whole number of 2^-32, from a table and straight lines
//!    between its entries:
//!    - `table[i]`, for i from 0 to 255, has the 32 binary digits of log2(1 + i / 256). Begin with
//!      `m = (256 + i) << 23`; for each digit, `m = (m * m) >>> 31`, the digit is `m >>> 32`, and where it is 1,
//!      `m` is halved (shifted right by one). `table[256]` is `1 << 32`.
//!    - Set the hash's lowest bit. Let `zeros` be its leading zeros and `n = hash << zeros`; then
//!      `i = (n >>> 55) & 0xff`, `rest = (n >>> 23) & 0xffffffff`, and
//!      `fraction = table[i] + (((table[i + 1] - table[i]) * rest) >>> 32)`.
//!    - The logarithm is `((zeros + 1) << 32) - fraction`.
//! 5. **Score**: `(logarithm << 24) / weight`, rounded down. Everything is unsigned and fits in 63 bits,
//!    but for `m * m`, which needs 64.
//! 6. **Order**: ascending by score; equal scores by the names' byte order. CDNs of weight 0
//!    come after all the others, in byte order of name.
//!
//! With a uniform hash, the score is exponentially distributed with a rate in proportion to `weight`,
//! and the lowest of several such draws belongs to each CDN with probability weight / sum of weights.
//! That holds for the rest of the order too. A CDN's score depends on no other CDN: raising its weight
//! only lowers its own score, so clients move only towards it; without it, the others' order stands.
//! The straight lines are off by less than 0.000003, and shares by less than that.
//!
//! # Test vectors
//!
//! | address | CDN | subnet | hash | score at weight 1 | at weight 60 |
//! |---|---|---|---|---|---|
//! | `192.0.2.77` | akamai | 0400000000c00002 | 8331e531442c078f | 00f6e53005000000 | 00041d6b778ccccc |
//! | `192.0.2.77` | bidi | 0400000000c00002 | cc9b998e86c47a32 | 0052c2b1ef000000 | 0001611c90c88888 |
//! | `255.255.255.255` | a | 0400000000ffffff | ed6e6e42ff724b38 | 001bcf69e1000000 | 000076a82a266666 |
//! | `2001:db8::1` | akamai | 060020010db80000 | 6fdab87c24c12a87 | 0131cc41da000000 | 000518bcd4b33333 |
//! | `2001:db8::1` | bidi | 060020010db80000 | 4756da5aa333f2b9 | 01d7e79676000000 | 0007dd75b52aaaaa |
//! | `::` | cdn-1 | 0600000000000000 | 3b748268b8ccb430 | 021b349f6f000000 | 0008fc9c41d99999 |
//!
//! All but the addresses in hexadecimal. More of them are in `tests/vectors/mix.csv`, and a second
//! implementation is beside them.

use std::net::IpAddr;

use smallvec::SmallVec;

use super::log2::minus_log2;

/// A CDN by its place in the table's list, which is in byte order of name.
pub type CdnId = u16;

/// CDNs in the order in which a client should try them. Mixes seldom have more than eight.
pub type Order = SmallVec<[CdnId; 8]>;

/// The part of a client address that the choice sees: IPv4 /24, IPv6 /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet(u64);

impl Subnet {
    /// The narrowest scope of an answer that depends on the subnet.
    pub const IPV4_LENGTH: u8 = 24;
    pub const IPV6_LENGTH: u8 = 48;

    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(4 << 56 | u64::from(v4.to_bits() >> 8)),
            IpAddr::V6(v6) => Self(6 << 56 | (v6.to_bits() >> 80) as u64),
        }
    }

    /// Step 1.
    pub fn number(self) -> u64 {
        self.0
    }

    pub fn length(address: IpAddr) -> u8 {
        if address.is_ipv4() { Self::IPV4_LENGTH } else { Self::IPV6_LENGTH }
    }

    /// The subnets that addresses of one family are in, from the first to the last.
    pub fn through(first: IpAddr, last: IpAddr) -> impl Iterator<Item = Self> {
        (Self::of(first).0..=Self::of(last).0).map(Self)
    }
}

/// A CDN's name, hashed for the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameKey(u64);

impl NameKey {
    pub fn of(name: &str) -> Self {
        Self(mix(fnv1a(name)))
    }
}

/// Step 2.
pub fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Weights of CDNs, ready to be asked for an order. Has at least one CDN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    pub name: String,
    weighted: Vec<Share>,
    /// Weight 0, in byte order of name.
    fallbacks: Vec<CdnId>,
}

/// A CDN with a weight above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub cdn: CdnId,
    pub key: NameKey,
    pub weight: u16,
}

impl Mix {
    /// `weights` pairs each CDN, by id and name, with its weight.
    pub fn new<'a>(name: String, weights: impl IntoIterator<Item = (CdnId, &'a str, u16)>) -> Self {
        let mut shares: Vec<Share> =
            weights.into_iter().map(|(cdn, name, weight)| Share { cdn, key: NameKey::of(name), weight }).collect();
        shares.sort_by_key(|share| share.cdn);
        let (weighted, fallbacks): (Vec<_>, Vec<_>) = shares.into_iter().partition(|share| share.weight > 0);
        Self { name, weighted, fallbacks: fallbacks.into_iter().map(|share| share.cdn).collect() }
    }

    /// The CDNs that clients are divided among, in byte order of name.
    pub fn shares(&self) -> &[Share] {
        &self.weighted
    }

    pub fn has(&self, cdn: CdnId) -> bool {
        self.fallbacks.contains(&cdn) || self.weighted.iter().any(|share| share.cdn == cdn)
    }

    /// The mix with CDNs left out. None if that leaves nothing.
    pub fn without(&self, left_out: impl Fn(CdnId) -> bool) -> Option<Self> {
        let mut left = self.clone();
        left.weighted.retain(|share| !left_out(share.cdn));
        left.fallbacks.retain(|cdn| !left_out(*cdn));
        (!left.weighted.is_empty() || !left.fallbacks.is_empty()).then_some(left)
    }

    /// Whether different subnets can get different orders.
    pub fn depends_on_subnet(&self) -> bool {
        self.weighted.len() > 1
    }

    pub fn order(&self, subnet: Subnet) -> Order {
        let mut scored: SmallVec<[(u64, CdnId); 8]> =
            self.weighted.iter().map(|share| (score(hash(subnet, share.key), share.weight), share.cdn)).collect();
        // Ids are in byte order of name, so they break ties as the names would.
        scored.sort_unstable();
        scored.into_iter().map(|(_, cdn)| cdn).chain(self.fallbacks.iter().copied()).collect()
    }

    /// How a CDN comes by its place in the order; none for one without a weight.
    pub fn draw(&self, subnet: Subnet, cdn: CdnId) -> Option<Draw> {
        let share = self.weighted.iter().find(|share| share.cdn == cdn)?;
        let hash = hash(subnet, share.key);
        Some(Draw { weight: share.weight, hash, score: score(hash, share.weight) })
    }
}

/// What one CDN of a mix drew for a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    pub weight: u16,
    pub hash: u64,
    pub score: u64,
}

/// Step 3.
pub fn hash(subnet: Subnet, name: NameKey) -> u64 {
    mix(mix(subnet.0).wrapping_add(name.0))
}

/// Steps 4 and 5. The lowest score wins.
pub fn score(hash: u64, weight: u16) -> u64 {
    (minus_log2(hash) << 24) / u64::from(weight.max(1))
}

/// `SplitMix64`'s finaliser.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
