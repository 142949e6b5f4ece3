//! The service: configuration to bound listeners, to a run, to a drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::api::admin::{Admin, Asked};
use crate::client::Authority;
use crate::config::Config;
use crate::file::Watched;
use crate::health::{Acceptor, Monitor, Subjects, server};
use crate::history::History;
use crate::listener::{self, Handshakes, Listener};
use crate::outcome::{Outcome, Trigger, Verdict};
use crate::phase::Phase;
use crate::probe_ticket::ProbeTicket;
use crate::reload::first::{First, first};
use crate::reload::state::State;
use crate::reload::table::{self, Command, TableInService};
use crate::snapshot::{self, Reader};
use crate::table::Problems;
use crate::table::problem::Place;
use crate::trust::{self, Lasting, Trust, TrustInService, current};
use crate::worker::{self, Handle, LastError};
use crate::{api, descriptors, telemetry};

/// A reload of the largest table, on a machine that has no time for it, and a spare.
const SLOWEST_RELOAD: Duration = Duration::from_mins(5);

/// All that `serve` needs, read and checked, with nothing bound yet.
pub struct Prepared {
    pub config: Config,
    pub first: First,
    state: Option<State>,
    trust: Trust,
    lasting: Lasting,
    trust_files: Vec<Watched>,
}

/// Loads everything that a configuration names. None, with errors in `problems`, unless all of
/// it is good. With a state, the last good table stands in for a bad one.
pub fn prepare(
    config: Config,
    mut state: Option<State>,
    now: SystemTime,
    problems: &mut Vec<Problems>,
) -> Option<Prepared> {
    let lasting = Lasting::default();
    let settings = trust::Settings::of(&config);
    let of_trust = trust::Gathered::read(&settings);
    let mut own = Problems::new();
    let trust = trust::load(&settings, &of_trust, &lasting, None, now, &mut own);
    problems.push(own);
    let first = first(&table_settings(&config), state.as_mut(), problems);
    Some(Prepared { config, first: first?, state, trust: trust?, lasting, trust_files: of_trust.watched })
}

/// Opens the state directory, if there is to be one.
pub fn open_state(config: &Config, problems: &mut Vec<Problems>) -> Option<State> {
    let directory = config.table.state.as_ref()?;
    let opened = State::open(directory.clone(), config.table.keep);
    opened
        .map_err(|error| {
            let mut own = Problems::new();
            let file = own.file(&directory.to_string_lossy());
            own.error(Place::whole_file(file), format!("tables can't be kept here: {error}"))
                .help("choose a directory that the service may write to, or take `state` out of [table]");
            problems.push(own);
        })
        .ok()
}

/// Reads the configuration anew, on SIGHUP, if there is one to read. Or says what is wrong with it.
pub type Reread = Box<dyn Fn() -> Result<Option<Config>, String> + Send + Sync>;

/// Serves until told to end, then drains. `listening` is called once everything is bound.
///
/// # Errors
/// If an address can't be bound or a thread not started. Nothing has been served then.
pub async fn serve(
    prepared: Prepared,
    mut signals: Signals,
    reread: Reread,
    listening: impl FnOnce(&Addresses),
) -> io::Result<()> {
    let Prepared { config, first, state, trust, lasting, trust_files } = prepared;
    let First { table, source, watched, outcome } = first;
    descriptors::raise(&config);
    let sockets = Sockets::bind(&config)?;
    let addresses = sockets.addresses()?;

    let (phase, watch) = watch::channel(Phase::Serving);
    tracing::info!(version = table.version, digest = table.digest, "serving");
    let (mut publisher, tables) = snapshot::publish_first(table, source, SystemTime::now());
    publisher.hold(outcome.verdict == Verdict::Held);
    let history = Arc::new(History::open(config.table.state.as_deref()));
    let in_service = TableInService::new(publisher, table_settings(&config), watched, state);
    let table = worker::start(in_service, &outcome, Arc::clone(&history))?;
    let (publisher, authority) = current::publish_first(trust);
    let settings = trust::Settings::of(&config);
    let in_service = TrustInService::new(publisher, settings, lasting, trust_files);
    let outcome = Outcome::new(Verdict::Published, authority.generation(), Vec::new());
    let trust = worker::start(in_service, &outcome, Arc::clone(&history))?;
    let reloads = Reloads { table, trust, config_error: LastError::default() };

    let handshakes = Handshakes::start()?;
    let authority: Arc<dyn Authority> = Arc::new(authority);
    let service =
        Service { config: &config, tables, authority, reloads: &reloads, history: &history, handshakes: &handshakes };
    let (lookup_probe, admin_probe) = (ProbeTicket::default(), ProbeTicket::default());
    let mut acceptors = vec![service.acceptor("lookup", addresses.lookup, &lookup_probe, true)];
    if let Some(admin) = addresses.admin {
        acceptors.push(service.acceptor("admin", admin, &admin_probe, false));
    }
    start_health(sockets.health, service.subjects(acceptors), &service, watch.clone())?;

    let connections = TaskTracker::new();
    let run = |listener| tokio::spawn(listener::run(listener, config.clone(), connections.clone(), watch.clone()));
    run(service.lookup(sockets.lookup, lookup_probe));
    if let Some(socket) = sockets.admin {
        run(service.admin(socket, admin_probe));
    }
    listening(&addresses);

    let mut current = config.clone();
    while let Told::Reload = signals.next().await {
        current = reconfigure(current, &reread, &reloads);
    }
    reloads.stop();
    drain(&config, &phase, &connections, &mut signals).await;
    Ok(())
}

/// Bound, not yet served.
struct Sockets {
    lookup: TcpListener,
    health: TcpListener,
    admin: Option<TcpListener>,
}

impl Sockets {
    fn bind(config: &Config) -> io::Result<Self> {
        let listen = &config.listen;
        Ok(Self {
            lookup: listener::bind(listen.lookup)?,
            health: listener::bind(listen.health)?,
            admin: listen.admin.map(listener::bind).transpose()?,
        })
    }

    fn addresses(&self) -> io::Result<Addresses> {
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

/// What the listeners are made of.
struct Service<'s> {
    config: &'s Config,
    tables: Reader,
    authority: Arc<dyn Authority>,
    reloads: &'s Reloads,
    history: &'s Arc<History>,
    handshakes: &'s Handshakes,
}

impl Service<'_> {
    fn lookup(&self, socket: TcpListener, probe: ProbeTicket) -> Listener {
        let router = api::lookup::router(self.tables.clone(), self.config.limits.header_count);
        let authority = Arc::clone(&self.authority);
        let handshakes = self.handshakes.places();
        Listener { name: "lookup", socket, authority, router, probe, slow_answers: None, handshakes }
    }

    fn admin(&self, socket: TcpListener, probe: ProbeTicket) -> Listener {
        let [to_reload, to_foresee, to_roll_back] = std::array::from_fn(|_| self.reloads.clone());
        let admin = Admin {
            tables: self.tables.clone(),
            history: Arc::clone(self.history),
            last_error: Arc::clone(&self.reloads.table.last_error),
            reload: Arc::new(move |trigger| to_reload.reload(&trigger)),
            foresee: Arc::new(move || to_foresee.foresee()),
            roll_back: Arc::new(move |trigger| to_roll_back.roll_back(trigger)),
        };
        let router = api::admin::router(admin, self.config.limits.header_count);
        let authority = Arc::clone(&self.authority);
        let handshakes = self.handshakes.places();
        Listener { name: "admin", socket, authority, router, probe, slow_answers: Some(SLOWEST_RELOAD), handshakes }
    }

    fn acceptor(&self, name: &'static str, at: SocketAddr, probe: &ProbeTicket, answers_lookups: bool) -> Acceptor {
        Acceptor::new(name, at, probe.clone(), Arc::clone(&self.authority), answers_lookups)
    }

    fn subjects(&self, acceptors: Vec<Acceptor>) -> Subjects {
        Subjects {
            tables: self.tables.clone(),
            acceptors,
            authority: Arc::clone(&self.authority),
            config_error: Arc::clone(&self.reloads.config_error),
            table_error: Arc::clone(&self.reloads.table.last_error),
            trust_error: Arc::clone(&self.reloads.trust.last_error),
            handshakes: self.handshakes.places().elsewhere,
        }
    }
}

/// The health listener and the probe get a thread and a runtime of their own.
fn start_health(
    socket: TcpListener,
    subjects: Subjects,
    service: &Service<'_>,
    phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    let socket = socket.into_std()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (monitor, latest) = Monitor::new(subjects);
    let (tables, authority) = (service.tables.clone(), Arc::clone(&service.authority));
    let health = server::Health { latest, tables, authority, phase };
    let run = async move {
        let socket = TcpListener::from_std(socket)?;
        tokio::spawn(monitor.run());
        server::run(socket, health).await;
        io::Result::Ok(())
    };
    std::thread::Builder::new().name("health".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(run) {
            tracing::error!(%error, "the health listener failed");
        }
    })?;
    Ok(())
}

/// What can be reloaded, each by itself.
#[derive(Clone)]
struct Reloads {
    table: Handle<TableInService>,
    trust: Handle<TrustInService>,
    /// Why the configuration was refused on the last SIGHUP, if it was.
    config_error: LastError,
}

impl Reloads {
    fn reload(&self, trigger: &Trigger) -> Asked {
        vec![("table", self.table.reload(trigger.clone())), ("trust", self.trust.reload(trigger.clone()))]
    }

    fn foresee(&self) -> Asked {
        vec![("table", self.table.foresee()), ("trust", self.trust.foresee())]
    }

    fn roll_back(&self, trigger: Trigger) -> Asked {
        vec![("table", self.table.command(trigger, Command::RollBack))]
    }

    fn configure(&self, config: &Config) {
        self.table.configure(table_settings(config));
        self.trust.configure(trust::Settings::of(config));
    }

    fn stop(&self) {
        self.table.stop();
        self.trust.stop();
    }
}

fn table_settings(config: &Config) -> table::Settings {
    table::Settings { source: config.table.source.clone(), guards: config.guards.clone() }
}

/// SIGHUP: the configuration is read again, then table and trust are loaded by it. A bad
/// configuration leaves the old one in force.
fn reconfigure(old: Config, reread: &Reread, reloads: &Reloads) -> Config {
    let config = match tokio::task::block_in_place(reread) {
        Ok(None) => old,
        Ok(Some(config)) => {
            reloads.config_error.store(None);
            let live = old.clone().with_live_sections_of(&config);
            let sections = live.sections_that_differ(&config).join(", ");
            if !sections.is_empty() {
                tracing::warn!(sections, "changed settings in these sections take effect at a restart only");
            }
            telemetry::reload("config", if live == old { "unchanged" } else { "published" });
            reloads.configure(&live);
            live
        }
        Err(why) => {
            reloads.config_error.store(Some(Arc::new(why)));
            old
        }
    };
    // Each tells what came of it.
    _ = reloads.reload(&Trigger::Signal);
    config
}

/// Red at once, still answering; then no new connections; then what is in flight ends. A second
/// signal ends it all.
async fn drain(config: &Config, phase: &watch::Sender<Phase>, connections: &TaskTracker, signals: &mut Signals) {
    let drained = async {
        tracing::info!("draining: health is red, everything is still answered");
        phase.send_replace(Phase::Leaving);
        tokio::time::sleep(config.drain.wait.duration()).await;
        tracing::info!(open = connections.len(), "draining: no new connections");
        phase.send_replace(Phase::Stopping);
        connections.close();
        connections.wait().await;
    };
    tokio::select! {
        () = drained => tracing::info!("drained"),
        () = tokio::time::sleep(config.drain.deadline.duration()) => {
            tracing::warn!(open = connections.len(), "the drain's deadline has come: ending with connections open");
        }
        () = signals.end() => tracing::warn!(open = connections.len(), "told again to end: ending at once"),
    }
}

enum Told {
    Reload,
    End,
}

/// What the process is told from outside.
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from here on: one that comes while the table is loading waits for its turn.
    /// Wants to be called within a runtime.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
        }
    }

    /// Waits for a signal to end; reloads are ignored.
    pub async fn end(&mut self) {
        while let Told::Reload = self.next().await {}
    }
}
