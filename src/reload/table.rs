//! The table in service, as its worker reloads it.
//!
//! The worker's thread is of idle priority: serving threads never wait for a table.

use std::path::Path;
use std::time::SystemTime;

use super::load::gather;
use crate::file::Watched;
use crate::snapshot::Publisher;
use crate::worker::{self, Outcome, Subject};

/// Where the table comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub source: String,
    /// Bytes that the table may have with all its files.
    pub limit: u64,
}

pub struct TableInService {
    publisher: Publisher,
    settings: Settings,
    files: Vec<Watched>,
}

impl TableInService {
    /// `files` are those that the published table was made of.
    pub fn new(publisher: Publisher, settings: Settings, files: Vec<Watched>) -> Self {
        Self { publisher, settings, files }
    }
}

impl Subject for TableInService {
    const NAME: &'static str = "table";
    const IS_IDLE: bool = true;
    type Settings = Settings;

    fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    fn files(&self) -> &[Watched] {
        &self.files
    }

    fn reload(&mut self) -> Outcome {
        let gathered = gather(Path::new(&self.settings.source), self.settings.limit);
        self.files.clone_from(&gathered.files);
        if !gathered.problems.has_errors() && gathered.digest() == self.publisher.digest() {
            return Outcome::Unchanged(self.publisher.generation());
        }
        let (table, problems) = gathered.compile();
        let shown = problems.shown();
        worker::log(&shown);
        match table {
            Some(table) => {
                let source = self.settings.source.clone();
                Outcome::Published(self.publisher.publish(table, source, SystemTime::now()))
            }
            None => Outcome::Refused(shown),
        }
    }
}
