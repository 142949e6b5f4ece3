//! CDNI footprints: the four types and their values (RFC 8006, sections 4.2.2.1, 4.3 and 7.2).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ip_network::{Ipv4Network, Ipv6Network};

/// What a footprint's values are: the `footprint-type` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FootprintType {
    Ipv4Cidr,
    Ipv6Cidr,
    Asn,
    CountryCode,
}

impl FootprintType {
    pub const ALL: [Self; 4] = [Self::Ipv4Cidr, Self::Ipv6Cidr, Self::Asn, Self::CountryCode];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4Cidr => "ipv4cidr",
            Self::Ipv6Cidr => "ipv6cidr",
            Self::Asn => "asn",
            Self::CountryCode => "countrycode",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Reads one value of this type.
    pub fn value(self, written: &str) -> Result<Footprint, WrongValue> {
        match self {
            Self::Ipv4Cidr => ipv4_cidr(written).map(Footprint::Ipv4Cidr),
            Self::Ipv6Cidr => ipv6_cidr(written).map(Footprint::Ipv6Cidr),
            Self::Asn => asn(written).map(Footprint::Asn),
            Self::CountryCode => written.parse().map(Footprint::CountryCode),
        }
    }
}

/// One footprint value. Displays as answers report it: `asn:as5607`, `ipv4cidr:192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Footprint {
    /// Every address that no other footprint has.
    Default,
    Ipv4Cidr(Ipv4Network),
    Ipv6Cidr(Ipv6Network),
    Asn(u32),
    CountryCode(CountryCode),
}

impl Footprint {
    /// None for the default, which has no values.
    pub fn kind(self) -> Option<FootprintType> {
        match self {
            Self::Default => None,
            Self::Ipv4Cidr(_) => Some(FootprintType::Ipv4Cidr),
            Self::Ipv6Cidr(_) => Some(FootprintType::Ipv6Cidr),
            Self::Asn(_) => Some(FootprintType::Asn),
            Self::CountryCode(_) => Some(FootprintType::CountryCode),
        }
    }

    /// Whether datasets tell which addresses it has.
    pub fn is_of_dataset(self) -> bool {
        matches!(self, Self::Asn(_) | Self::CountryCode(_))
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Ipv4Cidr(network) => write!(f, "ipv4cidr:{network}"),
            Self::Ipv6Cidr(network) => write!(f, "ipv6cidr:{network}"),
            Self::Asn(number) => write!(f, "asn:as{number}"),
            Self::CountryCode(code) => write!(f, "countrycode:{code}"),
        }
    }
}

/// Two lower case letters (ISO 3166-1 alpha-2). Read in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl FromStr for CountryCode {
    type Err = WrongValue;

    fn from_str(written: &str) -> Result<Self, WrongValue> {
        match *written.as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Ok(Self([first.to_ascii_lowercase(), second.to_ascii_lowercase()]))
            }
            _ => Err(WrongValue::new(format!("`{}` is not a country code", shorten(written)))
                .help("write the two letters of ISO 3166-1, as in `gb`")),
        }
    }
}

impl CountryCode {
    /// Both letters, lower case.
    pub fn letters(self) -> [u8; 2] {
        self.0
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.0[0]), char::from(self.0[1]))
    }
}

/// Why a value is not one of its type, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongValue {
    pub message: String,
    pub help: Option<String>,
}

impl WrongValue {
    fn new(message: String) -> Self {
        Self { message, help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for WrongValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for WrongValue {}

fn ipv4_cidr(written: &str) -> Result<Ipv4Network, WrongValue> {
    let (address, length) = split_cidr::<Ipv4Addr>(written, 32, "IPv4")?;
    Ipv4Network::new(address, length).map_err(|_| {
        let meant = Ipv4Network::new_truncate(address, length).map(|network| network.to_string());
        host_bits(written, &meant.unwrap_or_default())
    })
}

fn ipv6_cidr(written: &str) -> Result<Ipv6Network, WrongValue> {
    let (address, length) = split_cidr::<Ipv6Addr>(written, 128, "IPv6")?;
    if let (Some(v4), 96..=128) = (address.to_ipv4_mapped(), length) {
        let meant = Ipv4Network::new_truncate(v4, length - 96).map(|network| network.to_string());
        return Err(WrongValue::new(format!("`{written}` is an IPv4-mapped prefix, which is never looked up"))
            .help(format!("list `{}` under an ipv4cidr footprint", meant.unwrap_or_default())));
    }
    Ipv6Network::new(address, length).map_err(|_| {
        let meant = Ipv6Network::new_truncate(address, length).map(|network| network.to_string());
        host_bits(written, &meant.unwrap_or_default())
    })
}

fn split_cidr<A: FromStr>(written: &str, widest: u8, family: &str) -> Result<(A, u8), WrongValue> {
    let wrong = |what: &str| WrongValue::new(format!("`{}` is not an {family} prefix: {what}", shorten(written)));
    let example = if widest == 32 { "192.0.2.0/24" } else { "2001:db8::/32" };
    let Some((address, length)) = written.split_once('/') else {
        let whole = wrong("the prefix length is missing");
        return Err(match written.parse::<A>() {
            Ok(_) => whole.help(format!("for the one address write `{written}/{widest}`")),
            Err(_) => whole.help(format!("write ADDRESS/LENGTH, as in `{example}`")),
        });
    };
    let parsed = address.parse().map_err(|_| {
        let unread = wrong("the address can't be read");
        match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => unread.help("it is an IPv4 prefix: list it under an ipv4cidr footprint"),
            Ok(IpAddr::V6(_)) => unread.help("it is an IPv6 prefix: list it under an ipv6cidr footprint"),
            Err(_) if written.trim() != written => unread.help("take out the space around it"),
            Err(_) => unread.help(format!("write it as in `{example}`")),
        }
    })?;
    let plain_number = !length.is_empty()
        && length.bytes().all(|byte| byte.is_ascii_digit())
        && (length == "0" || !length.starts_with('0'));
    match length.parse::<u8>() {
        Ok(bits) if plain_number && bits <= widest => Ok((parsed, bits)),
        _ => Err(wrong("the prefix length can't be read")
            .help(format!("write a number from 0 to {widest}, without sign or leading zeros"))),
    }
}

fn host_bits(written: &str, meant: &str) -> WrongValue {
    WrongValue::new(format!("`{written}` has host bits set")).help(format!("write `{meant}` if that prefix is meant"))
}

fn asn(written: &str) -> Result<u32, WrongValue> {
    let wrong = || WrongValue::new(format!("`{}` is not an AS number", shorten(written)));
    let digits = written.strip_prefix("as").ok_or_else(|| {
        let digits = written.trim_start_matches(['a', 'A', 's', 'S']);
        match digits.parse::<u32>() {
            Ok(number) => wrong().help(format!("write `as{number}`")),
            Err(_) => wrong().help("write `as` and the number, as in `as2856`"),
        }
    })?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits
        .parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| wrong().help("write `as` and a number from 0 to 4294967295, without leading zeros"))
}

/// Messages quote what was written, but not a megabyte of it, and nothing that can't be seen.
pub fn shorten(written: &str) -> String {
    let visible = |letter: char| match letter {
        '"' | '\'' | '\\' => letter.to_string(),
        _ => letter.escape_debug().to_string(),
    };
    let cut = if written.chars().nth(64).is_some() { "…" } else { "" };
    written.chars().take(64).map(visible).chain([cut.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_shown_as_answers_report_them() {
        for (kind, written, shown) in [
            (FootprintType::Ipv4Cidr, "132.185.0.0/16", "ipv4cidr:132.185.0.0/16"),
            (FootprintType::Ipv4Cidr, "0.0.0.0/0", "ipv4cidr:0.0.0.0/0"),
            (FootprintType::Ipv6Cidr, "2001:DB8:0::/48", "ipv6cidr:2001:db8::/48"),
            (FootprintType::Ipv6Cidr, "::/0", "ipv6cidr:::/0"),
            (FootprintType::Asn, "as5607", "asn:as5607"),
            (FootprintType::CountryCode, "GB", "countrycode:gb"),
        ] {
            assert_eq!(kind.value(written).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn wrong_values_say_what_was_meant() {
        for (kind, written, said) in [
            (FootprintType::Ipv4Cidr, "10.0.0.1/8", "`10.0.0.0/8`"),
            (FootprintType::Ipv4Cidr, "10.0.0.0/33", "from 0 to 32"),
            (FootprintType::Ipv4Cidr, "10.0.0.0/08", "leading zeros"),
            (FootprintType::Ipv4Cidr, "10.0.0.0/+8", "sign"),
            (FootprintType::Ipv4Cidr, "10.0.0.1", "`10.0.0.1/32`"),
            (FootprintType::Ipv4Cidr, "010.0.0.0/8", "can't be read"),
            (FootprintType::Ipv6Cidr, "2001:db8::1/32", "`2001:db8::/32`"),
            (FootprintType::Ipv6Cidr, "::ffff:10.0.0.0/104", "`10.0.0.0/8`"),
            (FootprintType::Ipv6Cidr, "2001:db8::/129", "from 0 to 128"),
            (FootprintType::Asn, "2856", "`as2856`"),
            (FootprintType::Asn, "AS2856", "`as2856`"),
            (FootprintType::Asn, "as02856", "leading zeros"),
            (FootprintType::Asn, "as4294967296", "4294967295"),
            (FootprintType::CountryCode, "gbr", "two letters"),
        ] {
            let wrong = kind.value(written).unwrap_err();
            let all = format!("{} {}", wrong.message, wrong.help.clone().unwrap_or_default());
            assert!(all.contains(said), "{written}: {all}");
        }
    }
}
