//! What is served, and what keeps it up to date.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Prepared, Reread};
use crate::api::admin::Asked;
use crate::client::Authority;
use crate::config::Config;
use crate::history::History;
use crate::outcome::{Outcome, Trigger, Verdict};
use crate::reload::first::First;
use crate::reload::overriding::{self, OverridesInService};
use crate::reload::table::{self, Command, TableInService};
use crate::snapshot::{self, Reader};
use crate::supervisor;
use crate::telemetry;
use crate::trust::{self, TrustInService, current};
use crate::worker::{self, Handle, LastError};

/// What requests are answered by, and what changes it.
pub struct InService {
    pub tables: Reader,
    pub authority: Arc<dyn Authority>,
    pub reloads: Reloads,
    pub history: Arc<History>,
    pub since: SystemTime,
}

impl InService {
    /// Puts it into service, and starts to keep it up to date.
    pub fn start(prepared: Prepared) -> io::Result<Self> {
        let Prepared { config, first, state, trust, lasting, trust_files, overrides, kept_overrides } = prepared;
        let First { table, source, seen, outcome } = first;
        let since = SystemTime::now();
        let history = Arc::new(History::open(config.table.state.as_deref()));
        tracing::info!(version = table.version, digest = table.digest, "serving");

        let (mut publisher, switch, tables) = snapshot::publish_first(table, source, overrides.overrides, since);
        publisher.hold(outcome.verdict == Verdict::Held);
        let in_service = TableInService::new(publisher, table::Settings::of(&config), seen, state);
        let table = worker::start(in_service, &outcome, Arc::clone(&history))?;

        worker::log(&overrides.outcome.problems);
        worker::log(&tables.load().effective.warnings);
        let settings = overriding::Settings::of(&config);
        let in_service = OverridesInService::new(switch, settings, overrides.seen, kept_overrides);
        let overrides = worker::start(in_service, &overrides.outcome, Arc::clone(&history))?;

        let (publisher, authority) = current::publish_first(trust);
        let outcome = Outcome::new(Verdict::Published, authority.generation(), Vec::new());
        let in_service = TrustInService::new(publisher, trust::Settings::of(&config), lasting, trust_files);
        let trust = worker::start(in_service, &outcome, Arc::clone(&history))?;

        let reloads = Reloads { table, trust, overrides, config_error: LastError::default() };
        Ok(Self { tables, authority: Arc::new(authority), reloads, history, since })
    }
}

/// What can be reloaded, each by itself.
#[derive(Clone)]
pub struct Reloads {
    pub table: Handle<TableInService>,
    pub trust: Handle<TrustInService>,
    pub overrides: Handle<OverridesInService>,
    /// Why the configuration was refused on the last SIGHUP, if it was.
    pub config_error: LastError,
}

impl Reloads {
    pub fn reload(&self, trigger: &Trigger) -> Asked {
        vec![
            ("table", self.table.reload(trigger.clone())),
            ("trust", self.trust.reload(trigger.clone())),
            ("overrides", self.overrides.reload(trigger.clone())),
        ]
    }

    pub fn foresee(&self, forced: bool) -> Asked {
        vec![
            ("table", self.table.foresee(forced)),
            ("trust", self.trust.foresee(forced)),
            ("overrides", self.overrides.foresee(forced)),
        ]
    }

    pub fn roll_back(&self, trigger: Trigger) -> Asked {
        vec![("table", self.table.command(trigger, Command::RollBack))]
    }

    fn configure(&self, config: &Config) {
        self.table.configure(table::Settings::of(config));
        self.trust.configure(trust::Settings::of(config));
        self.overrides.configure(overriding::Settings::of(config));
    }

    pub fn stop(&self) {
        self.table.stop();
        self.trust.stop();
        self.overrides.stop();
    }
}

/// SIGHUP: the configuration is read again, then all is loaded by it. A bad
/// configuration leaves the old one in force.
pub fn reconfigure(old: Config, reread: &Reread, reloads: &Reloads) -> Config {
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
    // Each tells what came of it in the log.
    let asked = reloads.reload(&Trigger::Signal);
    tokio::spawn(async move {
        for (_, outcome) in asked {
            _ = outcome.await;
        }
        supervisor::ready();
    });
    config
}
