//! A table that was in service before, from the state directory.

use super::{Named, Seen, Source, Unreadable, Why};
use crate::reload::state::{Kept, State};

pub struct FromState<'s> {
    pub state: &'s State,
    pub kept: &'s Kept,
}

impl Source for FromState<'_> {
    /// What it was called when it was published: problems stand where they stood.
    fn name(&self) -> String {
        self.kept.source.clone()
    }

    fn read(&self, file: Named<'_>, limit: u64, _: &mut Seen) -> Result<Vec<u8>, Unreadable> {
        let path = match file {
            Named::Document => "",
            Named::File(path) => path,
        };
        let kept = self.kept.files.iter().find(|kept| kept.path == path);
        let read = kept.ok_or_else(|| "the file was not kept".to_owned());
        read.and_then(|kept| self.state.read_file(&kept.sha256, limit))
            .map_err(|message| Unreadable::new(Why::Other, message))
    }
}
