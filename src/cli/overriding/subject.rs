//! Which file of overrides a command is about, and the table whose names it uses.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::by_config::ByConfig;
use super::super::say;
use crate::config::Guards;
use crate::file;
use crate::table::problem::Place;
use crate::table::{Inputs, Manifest, Problems, Table, compile};

#[derive(Debug, Args)]
pub struct Which {
    /// The file of overrides [default: the one that the configuration names].
    #[arg(long, global = true, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The table whose names it uses [default: the one that the configuration names].
    #[arg(long, global = true, value_name = "FILE")]
    table: Option<PathBuf>,
    #[command(flatten)]
    by: ByConfig,
}

pub struct Subject {
    pub path: PathBuf,
    /// With its CDNs and mixes, but without its footprints. None if there is none, or none that can be read.
    pub table: Option<Table>,
}

impl Which {
    /// None once it has been told what is wrong with the configuration.
    pub fn find(&self) -> Option<Subject> {
        let config = if self.file.is_none() || self.by.is_given() {
            let config = self.by.read();
            if config.is_none() {
                say(format_args!("    help: or name the file of overrides itself: --file FILE"));
            }
            Some(config?)
        } else {
            None
        };
        let of_config = config.as_ref().map(|config| config.table.overrides_path());
        let path = self.file.clone().or(of_config)?;
        let table = self.table.clone().or(config.map(|config| config.table.source.into()));
        if table.is_none() {
            say(format_args!("note: names are not checked; say against which table: --table FILE"));
        }
        Some(Subject { path, table: table.and_then(|table| names(&table)) })
    }
}

/// The table without its footprints, which takes no time. A bad one is told of and does not stop an edit: the
/// service may well be running with one that was good.
fn names(path: &Path) -> Option<Table> {
    let name = path.to_string_lossy();
    let mut problems = Problems::new();
    let file = problems.file(&name);
    let text = file::read(path, Guards::default().max_input)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned()));
    let manifest = match text {
        Ok(text) => Manifest::parse(&name, &text, &mut problems),
        Err(message) => {
            problems.error(Place::whole_file(file), message);
            None
        }
    };
    if let Some(mut manifest) = manifest.filter(|_| !problems.has_errors()) {
        manifest.footprints.clear();
        manifest.canaries.clear();
        return compile(manifest, Inputs::default(), &mut Problems::new());
    }
    for shown in problems.shown().iter().take(1) {
        say(format_args!("{shown}"));
    }
    say(format_args!("warning: {name} is bad, so names are not checked; `croupier check --table {name}` tells all"));
    None
}
