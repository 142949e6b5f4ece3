//! Clients of one certificate that have come in every way there is: each has a connection open and,
//! where there is such a thing, a session to resume.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustls::client::{Resumption, Tls12Resumption};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, HandshakeKind, SupportedProtocolVersion};

use super::http2::Http2;
use crate::harness::{Client, Connection, Identity, PATIENCE, Service, Setup, alert};

/// How often each session is resumed, one after the other.
const RETURNS: usize = 3;

/// Between two requests of a bystander.
const PAUSE: Duration = Duration::from_millis(5);

/// How a client comes.
#[derive(Debug, Clone, Copy)]
struct Way {
    version: &'static SupportedProtocolVersion,
    /// A client that takes none resumes by session id in TLS 1.2, and not at all in TLS 1.3.
    takes_tickets: bool,
    is_http2: bool,
}

impl Way {
    fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|number: u8| Self {
            version: if number & 1 == 0 { &TLS12 } else { &TLS13 },
            takes_tickets: number & 2 == 0,
            is_http2: number & 4 != 0,
        })
    }

    /// A client that comes this way, for the first time.
    fn client(self, setup: &Setup, identity: &Identity) -> Client {
        self.stranger(&setup.client_of(self.version, Some(identity)))
    }

    /// The same client without its memories.
    fn stranger(self, client: &Client) -> Client {
        let mut config = ClientConfig::clone(&client.config);
        config.resumption = match (self.takes_tickets, self.version == &TLS12) {
            (true, _) => Resumption::in_memory_sessions(16),
            (false, true) => Resumption::in_memory_sessions(16).tls12_resumption(Tls12Resumption::SessionIdOnly),
            (false, false) => Resumption::disabled(),
        };
        Client { config: Arc::new(config) }.offering(if self.is_http2 { "h2" } else { "http/1.1" })
    }

    fn connect(self, client: &Client, address: SocketAddr) -> io::Result<Caller> {
        let connection = client.connect(address)?;
        Ok(if self.is_http2 { Caller::Two(Http2::open(connection)?) } else { Caller::One(connection) })
    }

    fn resumes(self) -> bool {
        self.takes_tickets || self.version == &TLS12
    }

    /// The handshake of a client that has been here before.
    fn later_handshake(self) -> HandshakeKind {
        if self.resumes() { HandshakeKind::Resumed } else { HandshakeKind::Full }
    }
}

/// A connection of either HTTP version.
enum Caller {
    One(Connection),
    Two(Http2),
}

impl Caller {
    /// The status of a lookup, whose answer comes whole and is what its status says.
    fn ask(&mut self) -> io::Result<u16> {
        let (status, body) = match self {
            Self::One(connection) => {
                let response = connection.get(super::TARGET)?;
                (response.status, response.body)
            }
            Self::Two(connection) => connection.ask()?,
        };
        assert_body(status, &body);
        Ok(status)
    }

    fn handshake_kind(&self) -> HandshakeKind {
        match self {
            Self::One(connection) => connection.handshake_kind(),
            Self::Two(connection) => connection.connection().handshake_kind(),
        }
    }

    #[track_caller]
    fn wait_closed(&mut self) {
        match self {
            Self::One(connection) => assert!(connection.is_closed_within(PATIENCE), "still open"),
            Self::Two(connection) => connection.wait_closed(),
        }
    }
}

#[track_caller]
fn assert_body(status: u16, body: &[u8]) {
    let document: serde_json::Value = serde_json::from_slice(body).unwrap();
    match status {
        200 => assert!(document["cdns"].is_array(), "{document}"),
        _ => assert_eq!(document["status"], status, "{document}"),
    }
}

/// A client, come one way.
struct Guest {
    way: Way,
    address: SocketAddr,
    client: Client,
    /// Open, and answered at least once.
    open: Caller,
}

impl Guest {
    fn arrive(way: Way, client: Client, address: SocketAddr) -> Self {
        let mut open = way.connect(&client, address).unwrap();
        assert_eq!(open.handshake_kind(), HandshakeKind::Full, "{way:?}");
        assert_eq!(open.ask().unwrap(), 200, "{way:?}");
        let guest = Self { way, address, client, open };
        for _ in 0..RETURNS {
            assert_eq!(guest.come_again().ask().unwrap(), 200, "{way:?}");
        }
        guest
    }

    /// Connects as one that is known.
    fn come_again(&self) -> Caller {
        let caller = self.way.connect(&self.client, self.address).unwrap();
        assert_eq!(caller.handshake_kind(), self.way.later_handshake(), "{:?}", self.way);
        caller
    }

    /// Connects as one that is not known.
    fn come_anew(&self) -> Caller {
        let caller = self.way.connect(&self.way.stranger(&self.client), self.address).unwrap();
        assert_eq!(caller.handshake_kind(), HandshakeKind::Full, "{:?}", self.way);
        caller
    }

    /// Checks that a client is refused by TLS. It asks nothing: what it is told comes by itself.
    #[track_caller]
    fn assert_told(&self, client: &Client, told: AlertDescription, of: &str) {
        let read = client.connect(self.address).and_then(|mut connection| connection.read_exact(&mut [0]));
        let refusal = read.unwrap_err();
        assert_eq!(alert(&refusal), Some(told), "{:?}: {of}: {refusal}", self.way);
    }

    fn assert_let_in(&mut self) {
        let way = self.way;
        assert_eq!(self.come_anew().ask().unwrap(), 200, "{way:?}: a new handshake");
        assert_eq!(self.come_again().ask().unwrap(), 200, "{way:?}: a later connection");
        assert_eq!(self.open.ask().unwrap(), 200, "{way:?}: the open connection");
    }

    fn assert_shut_out(&mut self, told: AlertDescription) {
        let way = self.way;
        self.assert_told(&way.stranger(&self.client), told, "a new handshake");
        for _ in 0..RETURNS {
            if way.resumes() {
                // Takes a ticket with it, too, for the next time.
                let mut caller = self.come_again();
                assert_eq!(caller.ask().unwrap(), 403, "{way:?}: a resumed session");
                caller.wait_closed();
            } else {
                self.assert_told(&self.client, told, "a later handshake");
            }
        }
        assert_eq!(self.open.ask().unwrap(), 403, "{way:?}: the open connection");
        self.open.wait_closed();
    }

    /// Begins a request that stays in flight, if that can be beside others.
    fn begin(&mut self) -> Option<u32> {
        let Caller::Two(connection) = &mut self.open else { return None };
        let (stream, status) = connection.begin().unwrap();
        assert_eq!(status, 200, "{:?}", self.way);
        Some(stream)
    }

    /// Checks that the next request is refused, that the one in flight still ends well, and that only
    /// then the connection does.
    fn assert_shut_out_beside(&mut self, in_flight: u32) {
        let Caller::Two(connection) = &mut self.open else { panic!("{:?} has one request at a time", self.way) };
        let (refused, status) = connection.begin().unwrap();
        assert_eq!(status, 403, "{:?}: beside a request in flight", self.way);
        connection.wait_ending().unwrap();
        assert_body(403, &connection.finish(refused).unwrap());
        assert_body(200, &connection.finish(in_flight).unwrap());
        connection.wait_closed();
    }
}

/// One guest for every way.
pub struct Party {
    guests: Vec<Guest>,
}

impl Party {
    pub fn arrive(setup: &Setup, service: &Service, identity: &Identity) -> Self {
        let arrive = |way: Way| Guest::arrive(way, way.client(setup, identity), service.lookup);
        Self { guests: Way::all().map(arrive).collect() }
    }

    /// Has its open connections ask without a break while something happens. All are answered, and
    /// all doors are open afterwards.
    pub fn stays_in_while(mut self, happens: impl FnOnce()) {
        let (happening, over) = channel::<()>();
        let guests = &mut self.guests;
        thread::scope(|scope| {
            scope.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = over.recv_timeout(PAUSE) {
                    for guest in &mut *guests {
                        assert_eq!(guest.open.ask().unwrap(), 200, "{:?}", guest.way);
                    }
                }
            });
            happens();
            drop(happening);
        });
        self.each(Guest::assert_let_in);
    }

    pub fn assert_let_in(&mut self) {
        self.each(Guest::assert_let_in);
    }

    /// Checks all three doors: a new handshake is told this, a resumed session and an open connection
    /// 403.
    pub fn assert_shut_out(&mut self, told: AlertDescription) {
        self.each(|guest| guest.assert_shut_out(told));
    }

    fn each(&mut self, check: impl Fn(&mut Guest) + Sync) {
        let check = &check;
        thread::scope(|scope| {
            for guest in &mut self.guests {
                scope.spawn(move || check(guest));
            }
        });
    }
}

/// HTTP/2 connections with a request in flight each.
pub struct InFlight {
    guests: Vec<(Guest, u32)>,
}

impl InFlight {
    pub fn arrive(setup: &Setup, service: &Service, identity: &Identity) -> Self {
        let Party { guests } = Party::arrive(setup, service, identity);
        let begin = |mut guest: Guest| guest.begin().map(|stream| (guest, stream));
        Self { guests: guests.into_iter().filter_map(begin).collect() }
    }

    pub fn assert_shut_out(&mut self) {
        assert_eq!(self.guests.len(), 4);
        for (guest, stream) in &mut self.guests {
            guest.assert_shut_out_beside(*stream);
        }
    }
}
