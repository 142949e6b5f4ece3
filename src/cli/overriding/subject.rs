//! Which file of overrides a command is about, and the table whose names it uses.

use clap::Args;

use super::super::by_config::ByConfig;
use super::super::say;
use crate::config::Guards;
use crate::reload::load;
use crate::reload::source::{self, Asking};
use crate::table::Table;

#[derive(Debug, Args)]
pub struct Which {
    /// The file of overrides [default: the one that the configuration names].
    #[arg(long, global = true, value_name = "FILE")]
    file: Option<String>,
    /// The table whose names it uses [default: the one that the configuration names].
    #[arg(long, global = true, value_name = "FILE")]
    table: Option<String>,
    #[command(flatten)]
    by: ByConfig,
}

pub struct Subject {
    /// A path, or an address in a store.
    pub place: String,
    /// With its CDNs and mixes, but without its footprints. None if there is none, or none that can be read.
    pub table: Option<Table>,
}

impl Which {
    /// None once it has been told what is wrong with the configuration.
    pub fn find(&self) -> Option<Subject> {
        let config = if self.file.is_none() || self.by.is_given() {
            let config = self.by.read();
            if config.is_none() {
                say(format_args!("help: or name the file of overrides itself: --file FILE"));
            }
            Some(config?)
        } else {
            None
        };
        let of_config = config.as_ref().map(|config| config.table.overrides_place());
        let place = self.file.clone().or(of_config)?;
        let table = self.table.clone().or(config.map(|config| config.table.source));
        if table.is_none() {
            say(format_args!("note: names are not checked; say against which table: --table FILE"));
        }
        Some(Subject { place, table: table.and_then(|table| names(&table)) })
    }
}

/// The table without its footprints, which takes no time. A bad one is told of and does not stop an edit: the
/// service may well be running with one that was good.
fn names(place: &str) -> Option<Table> {
    let source = source::open(place, Asking::default());
    let (table, problems) = load::names(&*source, Guards::default().max_input);
    if table.is_some() {
        return table;
    }
    for shown in problems.shown().iter().take(1) {
        say(format_args!("{shown}"));
    }
    say(format_args!(
        "warning: {place} can't be used, so names are not checked; `croupier check --table {place}` tells all"
    ));
    None
}
