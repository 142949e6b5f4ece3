//! Prefixes and ranges from the country dataset: some of it, and what makes files awkward.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flate2::read::GzDecoder;

const IPV4: &[u8] = include_bytes!("../../data/country-ipv4.csv.gz");
const IPV6: &[u8] = include_bytes!("../../data/country-ipv6.csv.gz");

/// Addresses as numbers, first and last.
#[derive(Debug, Clone)]
pub struct Range {
    pub ipv4: bool,
    pub first: u128,
    pub last: u128,
    pub country: String,
}

/// A prefix as it is listed, perhaps with host bits.
#[derive(Debug, Clone)]
pub struct Prefix {
    pub address: IpAddr,
    pub length: u8,
    pub answer: String,
}

/// Numbers without a pattern, the same each time (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    pub fn one_in(&mut self, many: u64) -> bool {
        self.next().is_multiple_of(many)
    }
}

pub fn address(ipv4: bool, number: u128) -> IpAddr {
    if ipv4 { Ipv4Addr::from(number as u32).into() } else { Ipv6Addr::from(number).into() }
}

pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn bits(ipv4: bool) -> u8 {
    if ipv4 { 32 } else { 128 }
}

/// The addresses of a block with so many free bits.
fn mask(free: u8) -> u128 {
    u128::MAX.checked_shr(128 - u32::from(free)).unwrap_or(0)
}

impl Prefix {
    pub fn bounds(&self) -> (u128, u128) {
        let free = mask(bits(self.address.is_ipv4()) - self.length);
        (number(self.address) & !free, number(self.address) | free)
    }

    fn at(ipv4: bool, within: u128, length: u8, answer: String) -> Self {
        let free = mask(bits(ipv4) - length);
        Self { address: address(ipv4, within & !free), length, answer }
    }
}

/// One in so many of the dataset's ranges, in order.
pub fn ranges(ipv4: bool, one_in: usize) -> Vec<Range> {
    let mut text = String::new();
    GzDecoder::new(if ipv4 { IPV4 } else { IPV6 }).read_to_string(&mut text).unwrap();
    let range = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |field: &str| number(field.parse().unwrap());
        Range { ipv4, first: number(fields[0]), last: number(fields[1]), country: fields[2].to_owned() }
    };
    text.lines().skip(1).step_by(one_in).map(range).collect()
}

/// Some 5,000 prefixes of both families in no order: of each other, twice, with host bits.
pub fn prefixes() -> Vec<Prefix> {
    let mut numbers = Numbers(1);
    let mut all = Vec::new();
    for range in ranges(true, 70).into_iter().chain(ranges(false, 40)) {
        let mut rest = Some(range.first);
        while let Some(first) = rest.filter(|first| *first <= range.last) {
            let mut length = bits(range.ipv4);
            while length > 0 && within(first, bits(range.ipv4) - length + 1, range.last) {
                length -= 1;
            }
            let listed = Prefix::at(range.ipv4, first, length, range.country.clone());
            rest = listed.bounds().1.checked_add(1);
            awkward(&listed, &mut numbers, &mut all);
            all.push(listed);
        }
    }
    for at in (1..all.len()).rev() {
        all.swap(at, (numbers.next() % (at as u64 + 1)) as usize);
    }
    all
}

/// Whether a block with so many free bits begins here and ends by the last address.
fn within(first: u128, free: u8, last: u128) -> bool {
    first & mask(free) == 0 && first | mask(free) <= last
}

/// What else may stand in a file because of a prefix.
fn awkward(listed: &Prefix, numbers: &mut Numbers, all: &mut Vec<Prefix>) {
    let (ipv4, (first, last)) = (listed.address.is_ipv4(), listed.bounds());
    let inside = first + numbers.wide() % (last - first).saturating_add(1);
    let room = bits(ipv4) - listed.length;
    if numbers.one_in(3) {
        let length = listed.length + (numbers.next() % 7).min(room.into()) as u8;
        all.push(Prefix::at(ipv4, inside, length, "in it".to_owned()));
    }
    if numbers.one_in(5) {
        all.push(Prefix { answer: "again".to_owned(), ..listed.clone() });
    }
    if numbers.one_in(6) {
        all.push(Prefix { address: address(ipv4, inside), answer: "host/bits".to_owned(), ..listed.clone() });
    }
    if numbers.one_in(11) && listed.length > 12 {
        all.push(Prefix::at(ipv4, first, listed.length - 4, "around".to_owned()));
    }
    if numbers.one_in(9) {
        all.push(Prefix::at(ipv4, inside, bits(ipv4), "alone".to_owned()));
    }
}
