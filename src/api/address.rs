//! The address that a query asks for, or what is wrong with it.

use std::net::IpAddr;

use super::problem::Problem;
use crate::table::client_address;

/// The one `ip` parameter of a query.
pub fn address(query: &str) -> Result<IpAddr, Problem> {
    // As mostly written: nothing else, nothing encoded. What separates and encodes is in no address.
    if let Some(address) = query.strip_prefix("ip=").and_then(client_address) {
        return Ok(address);
    }
    let mut found = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "ip" && found.replace(value).is_some() {
            return Err(Problem::AddressRepeated);
        }
    }
    match found.as_deref() {
        None => Err(Problem::AddressMissing),
        Some("") => Err(Problem::AddressEmpty),
        Some(written) => client_address(written).ok_or(Problem::AddressUnreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_has_one_address() {
        assert_eq!(address("x=1&ip=192.0.2.1"), Ok([192, 0, 2, 1].into()));
        assert_eq!(address("ip=%31.2.3.4"), Ok([1, 2, 3, 4].into()));
        assert_eq!(address("ip=::ffff:192.0.2.1"), Ok([192, 0, 2, 1].into()));
        assert_eq!(address("ip=1.2.3.4&ip=1.2.3.4"), Err(Problem::AddressRepeated));
        assert_eq!(address("ip="), Err(Problem::AddressEmpty));
        for query in ["", "IP=1.2.3.4", "x"] {
            assert_eq!(address(query), Err(Problem::AddressMissing), "{query}");
        }
        for value in [
            "+1.2.3.4",
            "1.2.3.4+",
            "%201.2.3.4",
            "fe80::1%25eth0",
            "fe80::1%eth0",
            "1.2.3.4:80",
            "[::1]",
            "[::1]:80",
            "01.2.3.4",
            "0x7f.1",
            "2130706433",
            "1.2.3.4%00",
            "%ff",
            "%zz",
            "1.2.3",
            "1.2.3.4/32",
            "localhost",
            "::1::",
        ] {
            assert_eq!(address(&format!("ip={value}")), Err(Problem::AddressUnreadable), "{value}");
        }
    }
}
