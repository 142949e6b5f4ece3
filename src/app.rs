//! The service: configuration to bound listeners, to a run, to a drain.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::health::{Acceptor, Monitor, Subjects, server};
use crate::listener::{self, Listener};
use crate::phase::Phase;
use crate::probe_ticket::ProbeTicket;
use crate::reload::load::{Watched, gather};
use crate::reload::worker::{self, Handle, Trigger};
use crate::snapshot::{self, Reader};
use crate::table::{Problems, Table};
use crate::trust::{self, Trust};
use crate::{api, telemetry};

/// All that `serve` needs, read and checked, with nothing bound yet.
pub struct Prepared {
    pub config: Config,
    pub table: Table,
    pub trust: Trust,
    files: Vec<Watched>,
}

/// Loads everything that a configuration names. None, with errors in `problems`, unless all of
/// it is good.
pub fn prepare(config: Config, now: SystemTime, problems: &mut Vec<Problems>) -> Option<Prepared> {
    let mut own = Problems::new();
    let trust = trust::load(&config, now, &mut own);
    problems.push(own);
    let gathered = gather(Path::new(&config.table.source), config.guards.max_input);
    let files = gathered.files.clone();
    let (table, of_table) = gathered.compile();
    problems.push(of_table);
    Some(Prepared { config, table: table?, trust: trust?, files })
}

/// Reads the configuration anew, on SIGHUP. None if that is not possible or it is bad.
pub type Reread = Box<dyn Fn() -> Option<Config> + Send + Sync>;

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
    let Prepared { config, table, trust, files } = prepared;
    let lookup = listener::bind(config.listen.lookup)?;
    let health = listener::bind(config.listen.health)?;
    let addresses = Addresses { lookup: lookup.local_addr()?, health: health.local_addr()? };

    let (phase, watch) = watch::channel(Phase::Serving);
    tracing::info!(version = table.version, digest = table.digest, "serving");
    let (publisher, tables) = snapshot::publish_first(table, SystemTime::now());
    let reload = worker::start(publisher, worker_settings(&config), files)?;
    let probe = ProbeTicket::default();
    let trust = Arc::new(trust);
    let subjects = subjects(&tables, &trust, &probe, &addresses, &reload).map_err(io::Error::other)?;
    start_health(health, subjects, tables.clone(), watch.clone())?;

    let connections = TaskTracker::new();
    let listener = Listener {
        name: "lookup",
        socket: lookup,
        authority: trust,
        router: api::lookup::router(tables, config.limits.header_count),
        probe,
    };
    tokio::spawn(listener::run(listener, config.clone(), connections.clone(), watch));
    listening(&addresses);

    let mut current = config.clone();
    while let Told::Reload = signals.next().await {
        current = reconfigure(current, &reread, &reload);
    }
    reload.stop();
    drain(&config, &phase, &connections, &mut signals).await;
    Ok(())
}

/// Where the listeners ended up.
pub struct Addresses {
    pub lookup: SocketAddr,
    pub health: SocketAddr,
}

impl std::fmt::Display for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "listening lookup={} health={}", self.lookup, self.health)
    }
}

fn worker_settings(config: &Config) -> worker::Settings {
    worker::Settings { path: PathBuf::from(&config.table.source), limit: config.guards.max_input }
}

fn subjects(
    tables: &Reader,
    trust: &Trust,
    probe: &ProbeTicket,
    addresses: &Addresses,
    reload: &Handle,
) -> Result<Subjects, rustls::Error> {
    let identity = trust.probe.as_ref().map(|probe| (probe.chain.clone(), probe.key.clone_key()));
    let certificate = trust.certificate.clone();
    let lookup = Acceptor::new("lookup", addresses.lookup, probe.clone(), certificate, identity)?;
    Ok(Subjects {
        tables: tables.clone(),
        acceptors: vec![lookup],
        certificate_ends: trust.certificate_ends,
        reload_error: Arc::clone(&reload.last_error),
    })
}

/// The health listener and the probe get a thread and a runtime of their own.
fn start_health(
    socket: TcpListener,
    subjects: Subjects,
    tables: Reader,
    phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    let socket = socket.into_std()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (monitor, latest) = Monitor::new(subjects);
    let health = server::Health { latest, tables, phase };
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

/// SIGHUP: the configuration is read again, then the table is loaded by it. A bad configuration
/// leaves the old one in force.
fn reconfigure(old: Config, reread: &Reread, reload: &Handle) -> Config {
    let config = match tokio::task::block_in_place(reread) {
        Some(config) => {
            let live = Config { table: config.table.clone(), guards: config.guards.clone(), ..old.clone() };
            let sections = live.sections_that_differ(&config).join(", ");
            if !sections.is_empty() {
                tracing::warn!(sections, "changed settings in these sections take effect at a restart only");
            }
            telemetry::reload("config", if live == old { "unchanged" } else { "published" });
            reload.settings(worker_settings(&live));
            live
        }
        None => old,
    };
    reload.reload(Trigger::Signal);
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
