//! The service: configuration to bound listeners, to a run, to a drain.
//!
//! - `prepare`: everything that a configuration names, read and checked
//! - `passed`: sockets that somebody else has opened
//! - `sockets`: every address, bound
//! - `in_service`: what is served, and what keeps it up to date
//! - `service`: the listeners
//! - `signals`: what the process is told

mod in_service;
mod passed;
mod prepare;
mod service;
mod signals;
mod sockets;

use std::io;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::descriptors;
use crate::lane::Lanes;
use crate::listener::{self, Handshakes};
use crate::phase::Phase;
use crate::probe_ticket::ProbeTicket;
use crate::supervisor;
use in_service::{InService, reconfigure};
use service::Service;
use signals::Told;
use sockets::Sockets;

pub use passed::Passed;
pub use prepare::{Prepared, open_state, prepare};
pub use signals::Signals;
pub use sockets::Addresses;

/// Reads the configuration anew, on SIGHUP, if there is one to read. Or says what is wrong with it.
pub type Reread = Box<dyn Fn() -> Result<Option<Config>, String> + Send + Sync>;

/// Serves until told to end, then drains. `listening` is called once everything is bound.
///
/// # Errors
/// If an address can't be bound or a thread not started. Nothing has been served then.
pub async fn serve(
    prepared: Prepared,
    mut signals: Signals,
    passed: Passed,
    reread: Reread,
    listening: impl FnOnce(&Addresses),
) -> io::Result<()> {
    let config = prepared.config.clone();
    let shares = descriptors::raise(&config);
    let sockets = Sockets::bind(&config, passed)?;
    let addresses = sockets.addresses()?;
    let in_service = InService::start(prepared)?;
    let handshakes = Handshakes::start()?;
    let lanes = Lanes::start()?;

    let (phase, watch) = watch::channel(Phase::Serving);
    let service = Service { config: &config, shares, current: &in_service, handshakes: &handshakes, lanes: &lanes };
    let (lookup_probe, admin_probe) = (ProbeTicket::default(), ProbeTicket::default());
    let mut acceptors = vec![service.acceptor("lookup", addresses.lookup, &lookup_probe, true)];
    if let Some(admin) = addresses.admin {
        acceptors.push(service.acceptor("admin", admin, &admin_probe, false));
    }
    let health = service.start_health(sockets.health, acceptors, watch.clone())?;

    let (acceptors, connections) = (TaskTracker::new(), TaskTracker::new());
    let mut of_listeners = config.clone();
    of_listeners.limits.connections = shares.clients;
    let run =
        |listener| acceptors.spawn(listener::run(listener, of_listeners.clone(), connections.clone(), watch.clone()));
    run(service.lookup(sockets.lookup, lookup_probe));
    if let Some(socket) = sockets.admin {
        run(service.admin(socket, admin_probe, health));
    }
    listening(&addresses);
    supervisor::ready();

    let mut current = config.clone();
    while let Told::Reload = signals.next().await {
        supervisor::reloading();
        current = reconfigure(current, &reread, &in_service.reloads);
    }
    supervisor::stopping();
    in_service.reloads.stop();
    drain(&config, &phase, [&acceptors, &connections], &mut signals).await;
    if !tokio::task::block_in_place(|| in_service.history.flush()) {
        tracing::error!("the end has come before all of the history was on disk");
    }
    Ok(())
}

/// Red at once, still answering; then those that wait are accepted, and no new connections; then what is in flight
/// ends. A second signal ends it all.
async fn drain(
    config: &Config,
    phase: &watch::Sender<Phase>,
    [acceptors, connections]: [&TaskTracker; 2],
    signals: &mut Signals,
) {
    let drained = async {
        tracing::info!("draining: health is red, everything is still answered");
        phase.send_replace(Phase::Leaving);
        tokio::time::sleep(config.drain.wait.duration()).await;
        tracing::info!(open = connections.len(), "draining: no new connections");
        phase.send_replace(Phase::Stopping);
        // Connections begin until the last is accepted.
        for tracker in [acceptors, connections] {
            tracker.close();
            tracker.wait().await;
        }
    };
    tokio::select! {
        () = drained => tracing::info!("drained"),
        () = tokio::time::sleep(config.drain.deadline.duration()) => {
            tracing::warn!(open = connections.len(), "the drain's deadline has come: ending with connections open");
        }
        () = signals.end() => tracing::warn!(open = connections.len(), "told again to end: ending at once"),
    }
}
