//! Networks that are named in the configuration: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ip_network::IpNetwork;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A network without host bits. No IPv4-mapped one: addresses are compared in their IPv4 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNetwork);

impl Network {
    /// Whether an address is in it, by its IPv4 form if it has one.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no network: write it as in `10.0.0.0/8`", written.escape_debug());
        let (address, length) = match written.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (written, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length: u8 = match length {
            None => longest,
            // `+8` and `08` are numbers to the parser, and slips here.
            Some(digits) if digits.parse::<u8>().is_ok_and(|length| length.to_string() != digits) => {
                return Err(wrong());
            }
            Some(digits) => digits.parse().ok().filter(|length| *length <= longest).ok_or_else(wrong)?,
        };
        if address.to_canonical() != address {
            let meant = length.checked_sub(96).map(|length| format!(": write `{}/{length}`", address.to_canonical()));
            return Err(format!("`{written}` is an IPv4-mapped network{}", meant.unwrap_or_default()));
        }
        IpNetwork::new(address, length).map(Self).map_err(|_| {
            let meant = IpNetwork::new_truncate(address, length).map(|meant| meant.to_string());
            format!("`{written}` has host bits set: write `{}` if that is meant", meant.unwrap_or_default())
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_read_back_as_they_are_shown() {
        for written in ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32", "::/0", "2001:db8::/32", "::1/128"] {
            assert_eq!(written.parse::<Network>().unwrap().to_string(), written);
        }
        for (written, shown) in [("192.0.2.1", "192.0.2.1/32"), ("::1", "::1/128")] {
            assert_eq!(written.parse::<Network>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_network_is_told_with_what_is_meant() {
        for (written, said) in [
            ("10.0.0.1/8", "write `10.0.0.0/8` if that is meant"),
            ("2001:db8::1/32", "write `2001:db8::/32` if that is meant"),
            ("::ffff:10.0.0.0/104", "write `10.0.0.0/8`"),
            ("::ffff:0:0/90", "is an IPv4-mapped network"),
            ("10.0.0.0/33", "is no network"),
            ("10.0.0.0/08", "is no network"),
            ("10.0.0.0/+8", "is no network"),
            ("10.0.0.0/", "is no network"),
            (" 10.0.0.0/8", "is no network"),
            ("10/8", "is no network"),
            ("", "is no network"),
            ("everyone", "is no network"),
        ] {
            let error = written.parse::<Network>().unwrap_err();
            assert!(error.contains(said), "{written}: {error}");
        }
    }

    #[test]
    fn mapped_addresses_are_in_the_network_of_their_ipv4_form() {
        let network: Network = "10.0.0.0/8".parse().unwrap();
        for (address, is_in) in
            [("10.255.0.1", true), ("::ffff:10.0.0.1", true), ("11.0.0.0", false), ("::10.0.0.1", false)]
        {
            assert_eq!(network.contains(address.parse().unwrap()), is_in, "{address}");
        }
        assert!("::/0".parse::<Network>().unwrap().contains("::1".parse().unwrap()));
        assert!(!"::/0".parse::<Network>().unwrap().contains("::ffff:10.0.0.1".parse().unwrap()));
    }
}
