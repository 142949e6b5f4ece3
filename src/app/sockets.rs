//! Every address, bound before anything is served.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::Config;
use crate::listener;

/// Bound, not yet served.
pub struct Sockets {
    pub lookup: TcpListener,
    pub health: TcpListener,
    pub admin: Option<TcpListener>,
}

impl Sockets {
    pub fn bind(config: &Config) -> io::Result<Self> {
        let listen = &config.listen;
        Ok(Self {
            lookup: listener::bind(listen.lookup)?,
            health: listener::bind(listen.health)?,
            admin: listen.admin.map(listener::bind).transpose()?,
        })
    }

    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            lookup: self.lookup.local_addr()?,
            health: self.health.local_addr()?,
            admin: self.admin.as_ref().map(TcpListener::local_addr).transpose()?,
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
