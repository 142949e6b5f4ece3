//! A table that was read: compiled, compared with the one before it, and examined.

use std::sync::Arc;
use std::time::Duration;

use super::guards;
use super::load::Gathered;
use super::source::Source;
use super::table::{Settings, TableInService};
use crate::table::{Diff, Problems, Table};
use crate::worker::Subject;

pub struct Judged {
    pub table: Result<Table, Refused>,
    /// Against the one before, if there are two tables to compare.
    pub diff: Option<Arc<Diff>>,
    pub problems: Problems,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is no good table.
    Bad,
    /// It is one, and does more than a reload may.
    Guarded,
}

impl Refused {
    /// What is wrong with a table may pass by itself; what it does stays. A store is asked again anyway.
    pub fn retry_after(self, source: &dyn Source) -> Option<Duration> {
        (self == Self::Bad && !source.is_remote()).then_some(TableInService::RETRY)
    }
}

/// `before` is what the table would take the place of. By force, guards only warn.
pub fn judge(gathered: Gathered, before: Option<&Table>, settings: &Settings, forced: bool) -> Judged {
    let (table, mut problems) = gathered.compile();
    let Some(table) = table else { return Judged { table: Err(Refused::Bad), diff: None, problems } };
    let guards = &settings.guards;
    let diff = before.map(|before| guards::difference(before, &table, guards, &mut problems));
    guards::examine(&settings.source, &table, diff.as_ref(), guards, forced, &mut problems);
    let table = if problems.has_errors() { Err(Refused::Guarded) } else { Ok(table) };
    Judged { table, diff: diff.map(Arc::new), problems }
}
