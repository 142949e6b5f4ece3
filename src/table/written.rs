//! Addresses, prefixes and footprints as text: as they display, without what formatting costs, as each
//! answer has three of them.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use ip_network::IpNetwork;

use super::footprint::Footprint;

/// What can be appended to text.
pub trait Written {
    fn write(&self, text: &mut Vec<u8>);
}

impl Written for IpAddr {
    fn write(&self, text: &mut Vec<u8>) {
        match self {
            Self::V4(address) => ipv4(*address, text),
            Self::V6(address) => ipv6(*address, text),
        }
    }
}

impl Written for IpNetwork {
    fn write(&self, text: &mut Vec<u8>) {
        self.network_address().write(text);
        text.push(b'/');
        number(self.netmask(), text);
    }
}

impl Written for Footprint {
    fn write(&self, text: &mut Vec<u8>) {
        if let Some(kind) = self.kind() {
            text.extend_from_slice(kind.name().as_bytes());
            text.push(b':');
        }
        match self {
            Self::Default => text.extend_from_slice(b"default"),
            Self::Ipv4Cidr(network) => IpNetwork::V4(*network).write(text),
            Self::Ipv6Cidr(network) => IpNetwork::V6(*network).write(text),
            Self::Asn(asn) => {
                text.extend_from_slice(b"as");
                number(*asn, text);
            }
            // Writing to a vector can't fail.
            Self::CountryCode(code) => _ = write!(text, "{code}"),
        }
    }
}

pub fn number(number: impl itoa::Integer, text: &mut Vec<u8>) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn ipv4(address: Ipv4Addr, text: &mut Vec<u8>) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.push(b'.');
        }
        number(octet, text);
    }
}

/// RFC 5952, section 4.
fn ipv6(address: Ipv6Addr, text: &mut Vec<u8>) {
    let segments = address.segments();
    let zeros = longest_zeros(&segments);
    if zeros.start == 0 {
        // `::1` and the like, some of them with an IPv4 address at their end: too rare for care.
        _ = write!(text, "{address}");
        return;
    }
    hexadecimal(&segments[..zeros.start], text);
    if !zeros.is_empty() {
        text.extend_from_slice(b"::");
        hexadecimal(&segments[zeros.end..], text);
    }
}

/// The first of the longest runs of more than one zero; without any, empty and at the end.
fn longest_zeros(segments: &[u16; 8]) -> Range<usize> {
    let mut longest = segments.len()..segments.len();
    let mut start = 0;
    while start < segments.len() {
        let length = segments[start..].iter().take_while(|segment| **segment == 0).count();
        if length > longest.len().max(1) {
            longest = start..start + length;
        }
        start += length + 1;
    }
    longest
}

fn hexadecimal(segments: &[u16], text: &mut Vec<u8>) {
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            text.push(b':');
        }
        let digits = (4 - segment.leading_zeros() / 4).max(1);
        for digit in (0..digits).rev() {
            text.push(b"0123456789abcdef"[usize::from(segment >> (4 * digit) & 0xf)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(what: &impl Written) -> String {
        let mut text = Vec::new();
        what.write(&mut text);
        String::from_utf8(text).unwrap()
    }

    proptest! {
        #[test]
        fn ipv4_as_it_displays(bits: u32, length in 0..=32_u8) {
            let address = IpAddr::from(Ipv4Addr::from(bits));
            let network = IpNetwork::new_truncate(address, length).unwrap();
            prop_assert_eq!(written(&address), address.to_string());
            prop_assert_eq!(written(&network), network.to_string());
        }

        #[test]
        fn ipv6_as_it_displays(
            segments in prop::array::uniform8(prop_oneof![3 => Just(0), 1 => 1..0x20_u16, 1 => Just(0xffff), 2 => any::<u16>()]),
            length in 0..=128_u8,
        ) {
            let address = IpAddr::from(Ipv6Addr::from(segments));
            let network = IpNetwork::new_truncate(address, length).unwrap();
            prop_assert_eq!(written(&address), address.to_string());
            prop_assert_eq!(written(&network), network.to_string());
        }
    }

    #[test]
    fn footprints_as_they_display() {
        let mut footprints = vec![Footprint::Default];
        for value in ["ipv4cidr 192.0.2.0/24", "ipv6cidr 2001:db8::/32", "asn as5607", "countrycode gb"] {
            let (kind, value) = value.split_once(' ').unwrap();
            footprints.push(crate::table::footprint::FootprintType::from_name(kind).unwrap().value(value).unwrap());
        }
        for footprint in footprints {
            assert_eq!(written(&footprint), footprint.to_string());
        }
    }
}
