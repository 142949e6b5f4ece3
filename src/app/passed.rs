//! Sockets that a service manager has opened beforehand and passed on (systemd's socket activation).
//!
//! They outlive the process: connections that come while it is restarted wait in their queues, and nobody is refused.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

use crate::config::Listen;

/// Those that were passed, with their names if they have any.
pub struct Passed {
    sockets: Vec<(String, io::Result<TcpListener>)>,
}

/// The same, each where it belongs.
#[derive(Default)]
pub struct Placed {
    pub lookup: Option<TcpListener>,
    pub health: Option<TcpListener>,
    pub admin: Option<TcpListener>,
}

impl Passed {
    /// Wants to be called before there are other threads: it takes them out of the environment.
    pub fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut passed = ListenFd::from_env();
        let sockets = (0..passed.len()).filter_map(|index| {
            let name = names.next().unwrap_or_default();
            Some((name, passed.take_tcp_listener(index).transpose()?))
        });
        Self { sockets: sockets.collect() }
    }

    /// Puts each where its name says, else where its address is configured.
    ///
    /// # Errors
    /// Names each that belongs nowhere: its clients would wait for ever.
    pub fn place(self, listen: &Listen) -> io::Result<Placed> {
        let mut placed = Placed::default();
        let mut problems = Vec::new();
        for (name, socket) in self.sockets {
            if let Err(problem) = placed.put(&name, socket, listen) {
                problems.push(format!("the socket `{}` that was passed can't be used: {problem}", name.escape_debug()));
            }
        }
        if problems.is_empty() { Ok(placed) } else { Err(io::Error::other(problems.join("; "))) }
    }
}

impl Placed {
    fn put(&mut self, name: &str, socket: io::Result<TcpListener>, listen: &Listen) -> Result<(), Misplaced> {
        let socket = socket.map_err(Misplaced::Unusable)?;
        let address = socket.local_addr().map_err(Misplaced::Unusable)?;
        socket.set_nonblocking(true).map_err(Misplaced::Unusable)?;
        let is_admin = || name == "admin" || Some(address) == listen.admin;
        let place = match name {
            "lookup" => &mut self.lookup,
            "health" => &mut self.health,
            _ if is_admin() && listen.admin.is_none() => return Err(Misplaced::NoAdmin),
            _ if is_admin() => &mut self.admin,
            _ if address == listen.lookup => &mut self.lookup,
            _ if address == listen.health => &mut self.health,
            _ => return Err(Misplaced::Unknown(address)),
        };
        match place.replace(socket) {
            None => Ok(()),
            Some(_) => Err(Misplaced::Twice),
        }
    }
}

/// Why a socket belongs nowhere.
#[derive(Debug)]
enum Misplaced {
    Unusable(io::Error),
    NoAdmin,
    Unknown(SocketAddr),
    Twice,
}

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(error) => error.fmt(f),
            Self::NoAdmin => f.write_str("there is no admin listener: set `admin` in [listen], or pass none"),
            Self::Unknown(address) => write!(
                f,
                "it is bound to {address}, which is not in [listen]: name it `lookup`, `health` or `admin` \
                 (FileDescriptorName=)"
            ),
            Self::Twice => f.write_str("there is another for the same listener"),
        }
    }
}
