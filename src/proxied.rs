//! The PROXY protocol, versions 1 and 2: who a load balancer in TCP mode says its client is.
//!
//! A header is read to its last byte and no further: what comes after it, in the same segment often, is the client's
//! TLS. Only load balancers that the configuration names are believed, and they must send one.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::config::{Network, Proxy};
use crate::telemetry::{self, subnet};

/// A whole header has at least as many bytes, in either version.
const SHORTEST: usize = b"PROXY UNKNOWN\r\n".len();

/// How a header of version 1 begins. It is a line.
const LINE: &[u8] = b"PROXY ";

/// The longest line that the protocol allows.
const LONGEST_LINE: usize = 107;

/// How a header of version 2 begins.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, a command, a family, a length.
const FIXED: usize = SIGNATURE.len() + 4;

/// Version 2 as a command to leave the connection's own address alone.
const LOCAL: u8 = 0x20;

/// Room for all that load balancers tell of a connection. Even a client's certificate, but not 64 kB for the asking.
const LONGEST: usize = 4096;

/// The load balancers that are believed, and must say who their client is.
pub struct Proxies {
    trusted: Vec<Network>,
}

impl Proxies {
    pub fn of(config: &Proxy) -> Self {
        Self { trusted: config.trusted.clone() }
    }

    /// Those that a health check must come from to begin with a header.
    pub fn of_health(config: &Proxy) -> Self {
        Self { trusted: if config.health { config.trusted.clone() } else { Vec::new() } }
    }

    /// Whose connection it is: the peer's, unless that is a load balancer. None if it does not say for whom it
    /// connects, which is counted and logged here.
    pub async fn client(&self, stream: &mut TcpStream, peer: IpAddr, deadline: Instant) -> Option<IpAddr> {
        if !self.trusted.iter().any(|network| network.contains(peer)) {
            return Some(peer);
        }
        let told = match tokio::time::timeout_at(deadline.into(), header(stream)).await {
            Ok(header) => header.and_then(|header| source(&header)),
            Err(_) => Err(Wrong::Late),
        };
        match told {
            Ok(Some(source)) => {
                telemetry::proxy_header("proxied");
                Some(source)
            }
            Ok(None) => {
                telemetry::proxy_header("local");
                Some(peer)
            }
            Err(wrong) => {
                telemetry::proxy_header(if matches!(wrong, Wrong::Late) { "timeout" } else { "refused" });
                tracing::debug!(proxy = subnet(peer), %wrong, "no good PROXY header");
                None
            }
        }
    }
}

/// Why there is no good header.
#[derive(Debug)]
enum Wrong {
    None,
    TooLong,
    Malformed(proxy_header::Error),
    Cut(io::Error),
    Late,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("the connection does not begin with one"),
            Self::TooLong => f.write_str("it is too long"),
            Self::Malformed(error) => error.fmt(f),
            Self::Cut(error) => write!(f, "it is not whole: {error}"),
            Self::Late => f.write_str("it did not come in time"),
        }
    }
}

/// What to read next.
#[derive(Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    /// So many more bytes are the header's, at least.
    Bytes(usize),
    /// Up to the line's end, of which no more bytes may come.
    Line(usize),
}

/// How far a header goes, by what has been read of it.
fn extent(read: &[u8]) -> Result<Extent, Wrong> {
    let begins = |with: &[u8]| read.iter().zip(with).all(|(read, with)| read == with);
    match (begins(LINE), begins(SIGNATURE)) {
        (false, false) => Err(Wrong::None),
        _ if read.len() < SHORTEST => Ok(Extent::Bytes(SHORTEST - read.len())),
        (true, _) if read.contains(&b'\n') => Ok(Extent::Whole),
        (true, _) if read.len() >= LONGEST_LINE => Err(Wrong::TooLong),
        (true, _) => Ok(Extent::Line(LONGEST_LINE - read.len())),
        (_, true) => match read.get(FIXED - 2..FIXED) {
            None => Ok(Extent::Bytes(FIXED - read.len())),
            Some(length) => {
                let length = FIXED + length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                match length.checked_sub(read.len()) {
                    _ if length > LONGEST => Err(Wrong::TooLong),
                    None | Some(0) => Ok(Extent::Whole),
                    Some(missing) => Ok(Extent::Bytes(missing)),
                }
            }
        },
    }
}

async fn header(stream: &mut TcpStream) -> Result<Vec<u8>, Wrong> {
    let mut header = Vec::new();
    loop {
        match extent(&header)? {
            Extent::Whole => return Ok(header),
            Extent::Bytes(missing) => {
                let read = (&mut *stream).take(missing as u64).read_buf(&mut header).await;
                if read.map_err(Wrong::Cut)? == 0 {
                    return Err(Wrong::Cut(io::ErrorKind::UnexpectedEof.into()));
                }
            }
            Extent::Line(most) => read_line(stream, most, &mut header).await.map_err(Wrong::Cut)?,
        }
    }
}

/// Reads to the end of a line, or what there is of it.
async fn read_line(stream: &mut TcpStream, most: usize, line: &mut Vec<u8>) -> io::Result<()> {
    let mut seen = [0; LONGEST_LINE];
    let count = stream.peek(&mut seen[..most]).await?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let end = seen[..count].iter().position(|byte| *byte == b'\n').map_or(count, |position| position + 1);
    stream.read_exact(&mut seen[..end]).await?;
    line.extend_from_slice(&seen[..end]);
    Ok(())
}

/// The client that a whole header names. None if it leaves the connection's own address alone.
fn source(header: &[u8]) -> Result<Option<IpAddr>, Wrong> {
    if header.starts_with(SIGNATURE) && header.get(SIGNATURE.len()) == Some(&LOCAL) {
        // Whatever comes after it is to be ignored, even if it makes no sense, which the parser wants it to.
        return Ok(None);
    }
    let (parsed, length) = ProxyHeader::parse(header, ParseConfig::default()).map_err(Wrong::Malformed)?;
    if length != header.len() {
        return Err(Wrong::Malformed(proxy_header::Error::Invalid));
    }
    let of_stream = parsed.proxied_address().filter(|address| address.protocol == Protocol::Stream);
    Ok(of_stream.map(|address| address.source.ip().to_canonical()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proxy_header::{ProxiedAddress, Tlv};

    use super::*;

    /// Reads as [`header`] does, from bytes, a few at a time. Also says how many it took.
    fn read(bytes: &[u8], at_a_time: usize) -> (Result<Option<IpAddr>, Wrong>, usize) {
        let mut taken = 0;
        loop {
            let wanted = match extent(&bytes[..taken]) {
                Err(wrong) => return (Err(wrong), taken),
                Ok(Extent::Whole) => return (source(&bytes[..taken]), taken),
                Ok(Extent::Bytes(missing)) => missing,
                Ok(Extent::Line(most)) => {
                    let seen = &bytes[taken..bytes.len().min(taken + most)];
                    seen.iter().position(|byte| *byte == b'\n').map_or(seen.len(), |position| position + 1)
                }
            };
            let count = wanted.min(at_a_time).min(bytes.len() - taken);
            if count == 0 {
                return (Err(Wrong::Cut(io::ErrorKind::UnexpectedEof.into())), taken);
            }
            taken += count;
        }
    }

    fn encoded(header: &ProxyHeader<'_>, version: u8) -> Vec<u8> {
        let mut bytes = vec![0; 8192];
        let length = match version {
            1 => header.encode_to_slice_v1(&mut bytes),
            _ => header.encode_to_slice_v2(&mut bytes),
        };
        bytes.truncate(length.unwrap());
        bytes
    }

    fn address() -> impl Strategy<Value = ProxiedAddress> {
        let of_family = prop_oneof![
            any::<([u8; 4], [u8; 4])>().prop_map(|(from, to)| (IpAddr::from(from), IpAddr::from(to))),
            any::<([u8; 16], [u8; 16])>().prop_map(|(from, to)| (IpAddr::from(from), IpAddr::from(to))),
        ];
        (of_family, any::<(u16, u16)>())
            .prop_map(|((from, to), ports)| ProxiedAddress::stream((from, ports.0).into(), (to, ports.1).into()))
    }

    proptest! {
        #[test]
        fn a_header_is_read_to_its_last_byte_and_no_further(
            address in address(),
            version in 1_u8..=2,
            padding in 0_usize..2_000,
            after in proptest::collection::vec(any::<u8>(), 0..200),
            at_a_time in 1_usize..300,
        ) {
            let expected = address.source.ip().to_canonical();
            let mut header = ProxyHeader::with_address(address);
            if version == 2 {
                header.append_tlv(Tlv::Noop(padding));
            }
            let mut bytes = encoded(&header, version);
            let length = bytes.len();
            bytes.extend(after);
            let (told, taken) = read(&bytes, at_a_time);
            prop_assert_eq!(told.unwrap(), Some(expected));
            prop_assert_eq!(taken, length);
            for cut in 0..length {
                prop_assert!(matches!(read(&bytes[..cut], at_a_time), (Err(Wrong::Cut(_)), _)), "cut to {}", cut);
            }
        }

        #[test]
        fn whatever_comes_is_bounded(
            begin in prop_oneof![Just(LINE), Just(SIGNATURE), Just(&b""[..])],
            rest in proptest::collection::vec(any::<u8>(), 0..5_000),
        ) {
            let bytes = [begin, &rest].concat();
            prop_assert!(read(&bytes, usize::MAX).1 <= LONGEST);
        }
    }

    #[test]
    fn what_leaves_the_connections_own_address_alone() {
        let tlvs = {
            let mut header = ProxyHeader::with_local();
            header.append_tlv(Tlv::UniqueId(b"1"[..].into()));
            encoded(&header, 2)
        };
        let to = |command: u8, family: u8, block: &[u8]| {
            let length = u16::try_from(block.len()).unwrap().to_be_bytes();
            [SIGNATURE, &[command, family], &length, block].concat()
        };
        for (of, bytes) in [
            ("UNKNOWN", b"PROXY UNKNOWN\r\n".to_vec()),
            ("UNKNOWN with the longest rest", [&b"PROXY UNKNOWN "[..], &[b'f'; 91], b"\r\n"].concat()),
            ("LOCAL", to(LOCAL, 0, &[])),
            ("LOCAL with more", tlvs),
            ("LOCAL of a family that there is not", to(LOCAL, 0x77, &[1, 2, 3])),
            ("LOCAL with half an address", to(LOCAL, 0x11, &[1, 2, 3])),
            ("no family", to(0x21, 0, &[])),
            ("a Unix socket", to(0x21, 0x31, &[0; 216])),
            ("datagrams", to(0x21, 0x12, &[1; 12])),
        ] {
            let (told, taken) = read(&bytes, 7);
            assert_eq!((told.unwrap(), taken), (None, bytes.len()), "{of}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let line = |line: &str| line.as_bytes().to_vec();
        let to = |fixed: [u8; 4], block: &[u8]| [SIGNATURE, &fixed, block].concat();
        for (of, bytes) in [
            ("TLS", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0, 0, 0]),
            ("HTTP", line("GET /health HTTP/1.1\r\n\r\n")),
            ("lower case", line("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n")),
            ("no space", line("PROXY-TCP4 192.0.2.1 192.0.2.2 1 2\r\n")),
            ("another family", line("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n")),
            ("a family mixed up", line("PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n")),
            ("a port too high", line("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n")),
            ("no line feed", line("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rx\n")),
            ("an early line feed", line("PROXY \nTCP4 192.0.2.1 192.0.2.2 1 2\r\n")),
            ("a line too long", [&b"PROXY UNKNOWN "[..], &[b'f'; 92], b"\r\n"].concat()),
            ("version 1 in version 2", to([0x11, 0x11, 0, 12], &[1; 12])),
            ("another command", to([0x22, 0x11, 0, 12], &[1; 12])),
            ("a family that there is not", to([0x21, 0x41, 0, 12], &[1; 12])),
            ("half an address", to([0x21, 0x11, 0, 11], &[1; 11])),
            ("a block too long", to([0x21, 0x11, 0xff, 0xff], &vec![1; 65_535])),
            ("one byte too long", to([0x20, 0, 0x0f, 0xf1], &[1; 4081])),
        ] {
            let (told, _) = read(&bytes, 1_000);
            assert!(matches!(told, Err(Wrong::None | Wrong::TooLong | Wrong::Malformed(_))), "{of}: {told:?}");
        }
    }

    #[test]
    fn a_mapped_client_is_its_ipv4_address() {
        let (told, _) = read(b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", 200);
        assert_eq!(told.unwrap(), Some("192.0.2.1".parse().unwrap()));
    }
}
