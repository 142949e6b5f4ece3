//! Whether the system has room for that many connections to one address.

use std::net::IpAddr;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for all that is not a connection.
const OTHERS: u64 = 64;

const PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Makes room for connections that are open at once, or says what stands in the way. The server
/// needs as many descriptors as this process.
pub fn make_room(connections: u64, server: IpAddr) -> Result<(), String> {
    raise_descriptors(connections + OTHERS)?;
    match ports(Path::new(PORTS)) {
        Some(ports) if ports < connections => Err(format!(
            "{connections} connections to {server} need as many local ports, but there are {ports}: widen {PORTS}"
        )),
        _ => Ok(()),
    }
}

fn raise_descriptors(needed: u64) -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        return Err(format!(
            "{needed} file descriptors are needed, but the hard limit is {}: raise it with `ulimit -Hn`, or ask for less",
            limit.maximum.unwrap_or_default()
        ));
    }
    let raised = Rlimit { current: Some(needed), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|error| format!("can't have {needed} file descriptors: {error}"))
}

/// How many local ports the system gives out, if it says so.
fn ports(path: &Path) -> Option<u64> {
    ports_in(&std::fs::read_to_string(path).ok()?)
}

fn ports_in(range: &str) -> Option<u64> {
    let mut ends = range.split_ascii_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    Some((last + 1).saturating_sub(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_ports_with_both_ends() {
        assert_eq!(ports_in("32768\t60999\n"), Some(28232));
        assert_eq!(ports_in("1024"), None);
    }

    #[test]
    fn has_room_for_a_few_but_not_for_all_the_world() {
        let server = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(make_room(1, server), Ok(()));
        assert!(make_room(1 << 40, server).is_err());
    }
}
