//! `croupier certs`: certificates and revocation lists, made and looked at.

mod crl;
mod dev;
mod inspect;
mod remote;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Outcome, problems, serve};
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
    /// The configuration whose trust it is judged by.
    #[arg(long, default_value = "croupier.toml", value_name = "FILE")]
    config: PathBuf,
    /// Judge by what `serve --dev` trusts.
    #[arg(long, conflicts_with = "config")]
    dev: bool,
}

impl ByConfig {
    /// The configuration and its policy. None once its problems have been told.
    fn load(&self) -> Option<(Config, Policy)> {
        let mut found = Vec::new();
        let config =
            if self.dev { Some(Config::development(Path::new(""))) } else { serve::read(&self.config, &mut found) };
        let loaded = config.map(|config| {
            let settings = Settings::of(&config);
            let mut own = Problems::new();
            let policy = load_policy(&settings, &Gathered::read(&settings), SystemTime::now(), &mut own);
            found.push(own);
            (config, policy)
        });
        problems::tell(&found);
        loaded.filter(|_| problems::good(&found))
    }
}
