//! Every address, bound before anything is served.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::passed::Passed;
use crate::config::Config;
use crate::listener::{self, Socket};

/// Bound, not yet served.
pub struct Sockets {
    pub lookup: Socket,
    pub health: Socket,
    pub admin: Option<Socket>,
}

impl Sockets {
    /// Takes those that were passed, and binds the others.
    pub fn bind(config: &Config, passed: Passed) -> io::Result<Self> {
        listener::check_backlog();
        let listen = &config.listen;
        let passed = passed.place(listen)?;
        let socket = |passed: Option<TcpListener>, address| match passed {
            Some(passed) => Socket::passed(passed),
            None => Socket::bind(address),
        };
        Ok(Self {
            lookup: socket(passed.lookup, listen.lookup)?,
            health: socket(passed.health, listen.health)?,
            admin: listen.admin.map(|address| socket(passed.admin, address)).transpose()?,
        })
    }

    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            lookup: self.lookup.address()?,
            health: self.health.address()?,
            admin: self.admin.as_ref().map(Socket::address).transpose()?,
        })
    }
}

/// Where the listeners ended up.
pub struct Addresses {
    pub lookup: SocketAddr,
    pub health: SocketAddr,
    pub admin: Option<SocketAddr>,
}

impl std::fmt::Display for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "listening lookup={} health={}", self.lookup, self.health)?;
        self.admin.map_or(Ok(()), |admin| write!(f, " admin={admin}"))
    }
}
