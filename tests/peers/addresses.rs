//! Which addresses to ask for: both ends of what is listed, their neighbours, and any others.

use std::net::{IpAddr, Ipv6Addr};

use crate::world::{Numbers, address};

/// The ends of each block with their neighbours, one address in it, and as many from anywhere.
pub fn of(blocks: impl IntoIterator<Item = (bool, u128, u128)>) -> Vec<IpAddr> {
    let mut numbers = Numbers(2);
    let mut all = Vec::new();
    for (ipv4, first, last) in blocks {
        let highest = if ipv4 { u128::from(u32::MAX) } else { u128::MAX };
        let inside = first + numbers.wide() % (last - first).saturating_add(1);
        let near = [first, last, first.saturating_sub(1), last.saturating_add(1).min(highest), inside];
        all.extend(near.map(|number| address(ipv4, number)));
        // Of IPv6, what is in use.
        let anywhere = if ipv4 { numbers.wide() & highest } else { numbers.wide() >> 3 | 1 << 125 };
        all.push(address(ipv4, anywhere));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Addresses that have an IPv4 address in them, which the systems treat each in its own way.
pub fn has_ipv4(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return false };
    let number = u128::from(address);
    let spaces =
        [("::", 96), ("::ffff:0:0", 96), ("::ffff:0:0:0", 96), ("64:ff9b::", 96), ("2001::", 32), ("2002::", 16)];
    spaces
        .iter()
        .any(|(space, length)| (number ^ u128::from(space.parse::<Ipv6Addr>().unwrap())) >> (128 - length) == 0)
}

/// Enough to mean something, and of both families.
#[track_caller]
pub fn enough(addresses: &[IpAddr]) {
    let ipv4 = addresses.iter().filter(|address| address.is_ipv4()).count();
    let ipv6 = addresses.len() - ipv4;
    assert!(addresses.len() >= 20_000 && ipv4 >= 5_000 && ipv6 >= 5_000, "{ipv4} IPv4 and {ipv6} IPv6 addresses");
}
