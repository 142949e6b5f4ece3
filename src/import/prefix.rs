//! Prefixes as others write them: without a length, with host bits, with a mask, IPv4 in IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ip_network::{IpNetwork, Ipv4Network, Ipv6Network};

use crate::table::footprint::shorten;

/// How far a system's way of writing prefixes goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `ADDRESS` or `ADDRESS/LENGTH`.
    Plain,
    /// As nginx reads them: leading zeros are decimal, and no digits are a zero.
    Nginx,
    /// As HAProxy's maps have them: an IPv4 length may be a mask.
    Haproxy,
}

/// A prefix, and what had to be made of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    pub network: IpNetwork,
    pub masked: bool,
    pub mapped: bool,
}

#[derive(Debug)]
pub struct Wrong {
    pub message: String,
    pub help: Option<String>,
    /// Good where it comes from, but nothing that a table can say.
    pub inexpressible: bool,
}

impl Wrong {
    fn new(message: String, help: &str) -> Self {
        Self { message, help: Some(help.to_owned()), inexpressible: false }
    }

    fn inexpressible(message: String) -> Self {
        Self { message, help: None, inexpressible: true }
    }
}

/// Reads a prefix.
pub fn read(written: &str, dialect: Dialect) -> Result<Read, Wrong> {
    let (address, length) = match written.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (written, None),
    };
    let Some(parsed) = parse_address(address, dialect) else {
        let message = format!("`{}` is not a prefix: the address can't be read", shorten(written));
        return Err(Wrong::new(message, "write ADDRESS/LENGTH, as in `192.0.2.0/24`"));
    };
    let widest = if parsed.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => widest,
        Some(length) => parse_length(length, widest, dialect, written)?,
    };
    truncated(parsed, length).ok_or_else(|| unreadable_length(written, widest))
}

/// Every address of an inclusive range is in one of these.
pub fn truncated(address: IpAddr, length: u8) -> Option<Read> {
    let mapped = match address {
        IpAddr::V6(v6) if length >= 96 => v6.to_ipv4_mapped(),
        _ => None,
    };
    let (address, length) = mapped.map_or((address, length), |v4| (IpAddr::V4(v4), length - 96));
    let network = match address {
        IpAddr::V4(v4) => IpNetwork::V4(Ipv4Network::new_truncate(v4, length).ok()?),
        IpAddr::V6(v6) => IpNetwork::V6(Ipv6Network::new_truncate(v6, length).ok()?),
    };
    Some(Read { network, masked: network.network_address() != address, mapped: mapped.is_some() })
}

/// An IPv4 address as nginx reads it: of decimal numbers, leading zeros and all, where nothing is zero.
pub fn decimal_ipv4(written: &str) -> Option<Ipv4Addr> {
    let octet = |written: &str| if written.is_empty() { Some(0) } else { digits::<u8>(written) };
    let mut octets = written.split('.').map(octet);
    let mut next = || octets.next().flatten();
    let address = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    octets.next().is_none().then_some(address)
}

fn parse_address(written: &str, dialect: Dialect) -> Option<IpAddr> {
    match dialect {
        Dialect::Nginx if !written.contains(':') => decimal_ipv4(written).map(IpAddr::V4),
        _ => written.parse().ok(),
    }
}

fn parse_length(length: &str, widest: u8, dialect: Dialect, written: &str) -> Result<u8, Wrong> {
    if dialect == Dialect::Haproxy
        && widest == 32
        && let Ok(mask) = length.parse::<Ipv4Addr>()
    {
        let bits = u32::from(mask);
        let ones = bits.leading_ones();
        if bits.checked_shl(ones).unwrap_or(0) != 0 {
            let message = format!("the mask of `{}` has gaps, which no prefix has", shorten(written));
            return Err(Wrong::inexpressible(message));
        }
        return Ok(ones as u8);
    }
    // HAProxy leaves it to `strtol`, which takes a sign.
    let length = if dialect == Dialect::Haproxy { length.strip_prefix('+').unwrap_or(length) } else { length };
    digits(length).filter(|bits| *bits <= widest).ok_or_else(|| unreadable_length(written, widest))
}

fn unreadable_length(written: &str, widest: u8) -> Wrong {
    let message = format!("`{}` is not a prefix: the length can't be read", shorten(written));
    Wrong { message, help: Some(format!("write a number from 0 to {widest}")), inexpressible: false }
}

fn digits<N: FromStr>(written: &str) -> Option<N> {
    let plain = !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit());
    written.parse().ok().filter(|_| plain)
}

/// The first and the last address, as numbers.
pub fn bounds(network: IpNetwork) -> (u128, u128) {
    let (first, bits) = match network {
        IpNetwork::V4(network) => (u128::from(u32::from(network.network_address())), 32),
        IpNetwork::V6(network) => (u128::from(network.network_address()), 128),
    };
    let host_bits = bits - u32::from(network.netmask());
    (first, first | u128::MAX.checked_shr(128 - host_bits).unwrap_or(0))
}

/// `::ffff:0:0/96`, where IPv6 has IPv4.
pub const MAPPED: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_reads_what_its_system_reads() {
        let shown = |written, dialect| read(written, dialect).ok().map(|read| read.network.to_string());
        for (written, plain, nginx, haproxy) in [
            ("10.1.2.3", Some("10.1.2.3/32"), Some("10.1.2.3/32"), Some("10.1.2.3/32")),
            ("010.1.2.0/024", None, Some("10.1.2.0/24"), None),
            ("10..2./24", None, Some("10.0.2.0/24"), None),
            ("10.1.2.3/255.255.0.0", None, None, Some("10.1.0.0/16")),
            ("10.1.2.3/0.0.0.0", None, None, Some("0.0.0.0/0")),
            ("10.0.0.0/255.0.255.0", None, None, None),
            ("2001:db8::1/32", Some("2001:db8::/32"), Some("2001:db8::/32"), Some("2001:db8::/32")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8"), Some("10.0.0.0/8"), Some("10.0.0.0/8")),
            ("::ffff:0:0/95", Some("::fffe:0:0/95"), Some("::fffe:0:0/95"), Some("::fffe:0:0/95")),
            ("10.0.0.0/33", None, None, None),
            ("10.0.0.0/+8", None, None, Some("10.0.0.0/8")),
            ("gate.example", None, None, None),
            ("", None, None, None),
        ] {
            let found = [Dialect::Plain, Dialect::Nginx, Dialect::Haproxy].map(|dialect| shown(written, dialect));
            assert_eq!(found.each_ref().map(Option::as_deref), [plain, nginx, haproxy], "{written}");
        }
        assert!(read("10.0.0.0/255.0.255.0", Dialect::Haproxy).is_err_and(|wrong| wrong.inexpressible));
    }

    #[test]
    fn what_was_made_of_it_is_known() {
        let made = |written| read(written, Dialect::Plain).map(|read| (read.masked, read.mapped)).unwrap();
        assert_eq!(made("10.0.0.0/8"), (false, false));
        assert_eq!(made("10.0.0.1/8"), (true, false));
        assert_eq!(made("::ffff:10.0.0.0/104"), (false, true));
        assert_eq!(made("::ffff:10.0.0.1/104"), (true, true));
    }

    #[test]
    fn bounds_are_the_first_and_last_address() {
        let of = |written| bounds(read(written, Dialect::Plain).unwrap().network);
        assert_eq!(of("0.0.0.0/0"), (0, u128::from(u32::MAX)));
        assert_eq!(of("10.0.0.1"), (0x0a00_0001, 0x0a00_0001));
        assert_eq!(of("::/0"), (0, u128::MAX));
        assert_eq!(of("::1"), (1, 1));
    }
}
