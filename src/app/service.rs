//! The listeners, and what each is made of.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::in_service::InService;
use crate::api;
use crate::api::admin::{Admin, Others};
use crate::api::quick::Lookups;
use crate::config::Config;
use crate::descriptors::Shares;
use crate::health::server::{self, Health};
use crate::health::{Acceptor, Live, Monitor, Subjects};
use crate::lane::Lanes;
use crate::listener::{Handshakes, Listener, Socket};
use crate::phase::PhaseWatch;
use crate::probe_ticket::ProbeTicket;
use crate::proxied::Proxies;

/// A reload of the largest table, on a machine that has no time for it, and a spare.
const SLOWEST_RELOAD: Duration = Duration::from_mins(5);

pub struct Service<'s> {
    pub config: &'s Config,
    pub shares: Shares,
    pub current: &'s InService,
    pub handshakes: &'s Handshakes,
    pub lanes: &'s Lanes,
}

impl Service<'_> {
    pub fn lookup(&self, socket: Socket, probe: ProbeTicket) -> Listener {
        let (tables, fields) = (&self.current.tables, self.config.limits.header_count);
        let router = api::lookup::router(tables.clone(), fields);
        let quick = Some(Arc::new(Lookups::new(tables.clone(), fields)) as _);
        let lanes = self.lanes.clone();
        let authority = Arc::clone(&self.current.authority);
        let handshakes = self.handshakes.places();
        Listener { name: "lookup", socket, authority, router, quick, lanes, probe, slow_answers: None, handshakes }
    }

    pub fn admin(&self, socket: Socket, probe: ProbeTicket, health: Health) -> Listener {
        let InService { tables, authority, reloads, history, since } = self.current;
        let [to_reload, to_foresee, to_roll_back] = std::array::from_fn(|_| reloads.clone());
        let others = Others {
            started_at: *since,
            authority: Arc::clone(authority),
            trust_error: Arc::clone(&reloads.trust.last_error),
            overrides_error: Arc::clone(&reloads.overrides.last_error),
            config_error: Arc::clone(&reloads.config_error),
            health: Arc::new(move || health.document()),
        };
        let admin = Admin {
            tables: tables.clone(),
            history: Arc::clone(history),
            last_error: Arc::clone(&reloads.table.last_error),
            others,
            reload: Arc::new(move |trigger| to_reload.reload(&trigger)),
            foresee: Arc::new(move |forced| to_foresee.foresee(forced)),
            roll_back: Arc::new(move |trigger| to_roll_back.roll_back(trigger)),
        };
        let router = api::admin::router(admin, self.config.limits.header_count);
        let (authority, handshakes) = (Arc::clone(authority), self.handshakes.places());
        // Apart from those that look things up: what is asked here may take a while.
        let (quick, lanes, slow_answers) = (None, Lanes::here(), Some(SLOWEST_RELOAD));
        Listener { name: "admin", socket, authority, router, quick, lanes, probe, slow_answers, handshakes }
    }

    pub fn acceptor(&self, name: &'static str, at: SocketAddr, probe: &ProbeTicket, answers_lookups: bool) -> Acceptor {
        Acceptor::new(name, at, probe.clone(), Arc::clone(&self.current.authority), answers_lookups)
    }

    /// The health listener and the probe get a thread and a runtime of their own.
    pub fn start_health(&self, socket: Socket, acceptors: Vec<Acceptor>, phase: PhaseWatch) -> io::Result<Health> {
        let InService { tables, authority, .. } = self.current;
        let (tables, authority, live) = (tables.clone(), Arc::clone(authority), self.live());
        let (monitor, latest) = Monitor::new(self.subjects(acceptors, live.clone()));
        let health = Health { latest, tables, authority, phase: phase.clone(), live };
        let (socket, served) = (socket.listener.into_std()?, health.clone());
        let (proxies, most) = (Proxies::of_health(&self.config.proxy), self.shares.health);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = async move {
            let socket = TcpListener::from_std(socket)?;
            tokio::spawn(monitor.run(phase));
            server::run(socket, served, proxies, most).await;
            io::Result::Ok(())
        };
        std::thread::Builder::new().name("health".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(run) {
                tracing::error!(%error, "the health listener failed");
            }
        })?;
        Ok(health)
    }

    fn subjects(&self, acceptors: Vec<Acceptor>, live: Live) -> Subjects {
        let InService { tables, authority, .. } = self.current;
        let (tables, authority) = (tables.clone(), Arc::clone(authority));
        Subjects { tables, acceptors, authority, live, handshakes: self.handshakes.places().elsewhere }
    }

    fn live(&self) -> Live {
        let InService { tables, reloads, .. } = self.current;
        Live {
            tables: tables.clone(),
            config_error: Arc::clone(&reloads.config_error),
            table_error: Arc::clone(&reloads.table.last_error),
            trust_error: Arc::clone(&reloads.trust.last_error),
            overrides_error: Arc::clone(&reloads.overrides.last_error),
        }
    }
}
