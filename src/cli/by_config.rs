//! By which configuration a command goes that does not serve.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{problems, serve};
use crate::config::Config;
use crate::table::Problems;
use crate::table::problem::Place;

#[derive(Debug, Args)]
pub struct ByConfig {
    /// The configuration to go by [default: croupier.toml].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go by what `serve --dev` runs with.
    #[arg(long, global = true, conflicts_with = "config")]
    dev: bool,
}

impl ByConfig {
    pub fn is_given(&self) -> bool {
        self.dev || self.config.is_some()
    }

    pub fn is_development(&self) -> bool {
        self.dev
    }

    /// The configuration. None once its problems have been told.
    pub fn read(&self) -> Option<Config> {
        let mut found = Vec::new();
        let file = self.config.as_deref().unwrap_or(Path::new("croupier.toml"));
        if !self.is_given() && !file.exists() {
            let mut missing = Problems::new();
            let place = Place::whole_file(missing.file(&file.to_string_lossy()));
            missing
                .error(place, "the file does not exist")
                .help("say what to go by: --config FILE, or --dev for what `croupier serve --dev` runs with");
            problems::tell(&[missing]);
            return None;
        }
        let config = if self.dev { serve::development(&mut found) } else { serve::read(file, &mut found) };
        problems::tell(&found);
        config.filter(|_| problems::good(&found))
    }
}
