//! `croupier certs`: certificates and revocation lists, made and looked at.

mod crl;
mod dev;
mod inspect;
mod remote;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Outcome, problems, say, serve};
use crate::config::Config;
use crate::table::Problems;
use crate::trust::{Gathered, Policy, Settings, load_policy};

/// Make certificates for trying things out; look at certificates and revocation lists.
#[derive(Debug, Args)]
pub struct Certs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Dev),
    Inspect(inspect::Inspect),
    Crl(crl::Crl),
}

impl Certs {
    pub fn run(self) -> Outcome {
        match self.command {
            Command::Dev(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Crl(command) => command.run(),
        }
    }
}

/// By whose word a certificate or list is judged.
#[derive(Debug, Args)]
struct ByConfig {
    /// The configuration whose trust it is judged by [default: croupier.toml].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Judge by what `serve --dev` trusts.
    #[arg(long, conflicts_with = "config")]
    dev: bool,
}

impl ByConfig {
    fn is_given(&self) -> bool {
        self.dev || self.config.is_some()
    }

    /// The configuration and its policy. None once its problems have been told.
    fn load(&self) -> Option<(Config, Policy)> {
        let config = self.read()?;
        let policy = policy(&Settings::of(&config));
        match policy {
            Some(policy) => Some((config, policy)),
            None if self.dev && !config.tls.certificate.exists() => {
                say(format_args!(
                    "    help: `croupier certs dev` makes these files; --config FILE judges by other ones"
                ));
                None
            }
            None => None,
        }
    }

    /// The configuration alone.
    fn read(&self) -> Option<Config> {
        if self.dev {
            return Some(Config::development(Path::new("")));
        }
        let file = self.config.as_deref().unwrap_or(Path::new("croupier.toml"));
        if self.config.is_none() && !file.exists() {
            say(format_args!(
                "{}: error: the file does not exist\n    help: say by what to judge: --config FILE, or --dev for what \
                 `croupier serve --dev` trusts",
                file.display()
            ));
            return None;
        }
        let mut found = Vec::new();
        let config = serve::read(file, &mut found);
        problems::tell(&found);
        config.filter(|_| problems::good(&found))
    }
}

/// What these settings trust. None once their problems have been told.
fn policy(settings: &Settings) -> Option<Policy> {
    let mut found = Problems::new();
    let policy = load_policy(settings, &Gathered::read(settings), SystemTime::now(), &mut found);
    let found = [found];
    problems::tell(&found);
    Some(policy).filter(|_| problems::good(&found))
}
