//! `croupier serve`: the service.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use time::OffsetDateTime;
use tokio::runtime::Runtime;

use super::{BAD, Outcome, problems, say};
use crate::app::{self, Addresses, Passed, Prepared, Signals};
use crate::config::{self, Config};
use crate::table::Problems;
use crate::{outcome, telemetry, trust, worker};

/// Serve lookups, health and metrics until SIGTERM.
///
/// SIGHUP reads the configuration again and reloads the table. Files that change are reloaded
/// by themselves. A bad table never replaces a good one.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration file.
    #[arg(long, default_value = "croupier.toml", value_name = "FILE")]
    config: PathBuf,
    /// Try it out: nothing needs to be prepared. Makes a development CA under certs/dev/ unless
    /// it is there, serves data/cdn-table.json on the loopback, and keeps the last good tables in state/.
    #[arg(long, conflicts_with = "config")]
    dev: bool,
}

impl Serve {
    pub fn run(self) -> Outcome {
        let passed = Passed::from_environment();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let mut signals = runtime.block_on(async { Signals::catch() })?;
        let mut found = Vec::new();
        let config = if self.dev {
            make_certificates()?;
            development(&mut found)
        } else {
            read(&self.config, &mut found)
        };
        if let Some(config) = &config {
            telemetry::init_logs(&config.log);
        }
        let is_logged = config.as_ref().is_some_and(|config| telemetry::is_json(&config.log));
        telemetry::init_metrics();
        let Some((prepared, found)) = runtime.block_on(prepare(config, found, &mut signals))? else {
            runtime.shutdown_background();
            return Ok(ExitCode::SUCCESS);
        };
        if is_logged {
            // Programs read a line at a time.
            worker::log(&problems::shown(&found));
        } else {
            problems::tell(&found);
        }
        match prepared {
            Some(prepared) if problems::good(&found) => self.serve(prepared, runtime, signals, passed),
            _ => {
                say(format_args!("croupier: not started: {}", problems::summary(&found)));
                Ok(ExitCode::from(BAD))
            }
        }
    }

    fn serve(self, prepared: Prepared, runtime: Runtime, signals: Signals, passed: Passed) -> Outcome {
        let dev = self.dev;
        let reread = move || if dev { Ok(None) } else { reread(&self.config).map(Some) };
        let listening = move |addresses: &Addresses| {
            let mut out = io::stdout();
            _ = writeln!(out, "{addresses}");
            if dev {
                _ = writeln!(out, "{}", curl(addresses));
            }
            // Nobody may be reading; serving goes on.
            _ = out.flush();
        };
        runtime.block_on(app::serve(prepared, signals, passed, Box::new(reread), listening))?;
        // Connections past the drain's deadline are not waited for.
        runtime.shutdown_background();
        Ok(ExitCode::SUCCESS)
    }
}

type Checked = (Option<Prepared>, Vec<Problems>);

/// Loads and checks everything, which takes seconds for a large table. None if told to end.
async fn prepare(
    config: Option<Config>,
    mut found: Vec<Problems>,
    signals: &mut Signals,
) -> io::Result<Option<Checked>> {
    let preparing = tokio::task::spawn_blocking(move || {
        let prepared = config.and_then(|config| {
            let state = app::open_state(&config, &mut found);
            app::prepare(config, state, SystemTime::now(), &mut found)
        });
        (prepared, found)
    });
    tokio::select! {
        prepared = preparing => prepared.map(Some).map_err(io::Error::other),
        () = signals.end() => Ok(None),
    }
}

/// A line that works as pasted.
fn curl(addresses: &Addresses) -> String {
    let port = addresses.lookup.port();
    format!(
        "curl --cacert certs/dev/root.pem --cert certs/dev/client.pem --key certs/dev/client.key \
         'https://localhost:{port}/lookup?ip=2.121.3.4'"
    )
}

fn make_certificates() -> io::Result<()> {
    if trust::development::make(Path::new("certs/dev"), OffsetDateTime::now_utc())? {
        say(format_args!("made a development CA and certificates under certs/dev/"));
    }
    Ok(())
}

/// What `--dev` runs with, and what the environment says over it.
pub fn development(found: &mut Vec<Problems>) -> Option<Config> {
    let mut problems = Problems::new();
    let printed = toml::to_string(&Config::development(Path::new(""))).ok()?;
    let config = config::read("--dev", &printed, &environment(), &mut problems);
    found.push(problems);
    config
}

/// Reads the configuration file and what the environment says over it. With errors in `found`
/// it is only good for further checks.
pub fn read(path: &Path, found: &mut Vec<Problems>) -> Option<Config> {
    let mut problems = Problems::new();
    let name = path.to_string_lossy();
    let config = match std::fs::read_to_string(path) {
        Ok(text) => config::read(&name, &text, &environment(), &mut problems),
        Err(error) => {
            let place = crate::table::problem::Place::whole_file(problems.file(&name));
            let problem = problems.error(place, format!("the configuration can't be read: {error}"));
            problem.help("name it with --config FILE, or try `croupier serve --dev`");
            None
        }
    };
    found.push(problems);
    config
}

fn reread(path: &Path) -> Result<Config, String> {
    let mut found = Vec::new();
    let config = read(path, &mut found).filter(|_| problems::good(&found));
    let shown = problems::shown(&found);
    worker::log(&shown);
    config.ok_or_else(|| {
        telemetry::reload("config", "failed");
        tracing::error!("refused the new configuration; the old one stays in force");
        outcome::reason(&shown)
    })
}

fn environment() -> config::Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("CROUPIER_"))
        .collect()
}
