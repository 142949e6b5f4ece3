//! `croupier certs`: certificates and revocation lists, made and looked at.

mod crl;
mod dev;
mod inspect;
mod remote;

use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::by_config::ByConfig;
use super::{Outcome, problems, say};
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

/// The configuration and its policy. None once its problems have been told.
fn load(by: &ByConfig) -> Option<(Config, Policy)> {
    let config = by.read()?;
    let policy = policy(&Settings::of(&config));
    match policy {
        Some(policy) => Some((config, policy)),
        None if by.is_development() && !config.tls.certificate.exists() => {
            say(format_args!("help: `croupier certs dev` makes these files; --config FILE judges by other ones"));
            None
        }
        None => None,
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
