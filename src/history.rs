//! Who tried to change what is in service, when, and what came of it: JSON lines on disk, and the latest
//! of them in memory.
//!
//! Lines are written and synced by a thread of their own: those that publish may be of idle priority, and must not
//! keep others waiting. What a crash has cut short is passed over.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::outcome::{Outcome, Trigger, Verdict};
use crate::table::Summary;
use crate::table::moment::written;

const NAME: &str = "history.jsonl";

/// A file that has grown to this is put aside: some 2,000 attempts.
const ROTATED_AT: u64 = 1 << 20;

/// So many files are kept beside the one that is written to: `history.1.jsonl` is the newest.
const ROTATED: usize = 4;

/// So many attempts are kept in memory.
pub const REMEMBERED: usize = 1000;

/// One attempt.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    at: String,
    /// `table`, `trust` or `overrides`.
    what: &'a str,
    /// `reload` or `rollback`.
    action: &'a str,
    trigger: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forced: bool,
    result: &'a str,
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    /// Why it was refused: the first error of so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<Summary>,
    /// Of overrides: what is new, gone, in force or over.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'a [String],
}

impl<'a> Entry<'a> {
    pub fn new(what: &'a str, action: &'a str, trigger: &'a Trigger, outcome: &'a Outcome, now: SystemTime) -> Self {
        let reason = outcome.reason();
        let candidate = &outcome.candidate;
        Self {
            at: written(now),
            what,
            action,
            trigger: trigger.kind(),
            by: trigger.by(),
            forced: trigger.is_forced(),
            result: outcome.verdict.name(),
            generation: outcome.generation,
            source: candidate.source.as_deref(),
            version: candidate.version.as_deref(),
            digest: candidate.digest.as_deref(),
            errors: reason.is_some().then(|| outcome.errors()),
            reason,
            diff: outcome.diff.as_deref().map(Summary::of),
            changes: &outcome.changes,
        }
    }
}

/// All attempts that are remembered.
pub struct History {
    latest: Mutex<VecDeque<Box<RawValue>>>,
    /// None if there is nowhere to write to.
    writer: Option<Sender<ToWrite>>,
}

enum ToWrite {
    Attempt(Box<RawValue>),
    /// All before it is to be on disk once this is answered.
    Flush(Sender<()>),
}

/// For what is still to be written at the end.
const PATIENCE: Duration = Duration::from_secs(2);

impl History {
    /// Continues what is in a directory; without one, in memory only. What can't be read or written there is told
    /// in the log, and costs the past or the record, never the service.
    pub fn open(directory: Option<&Path>) -> Self {
        let Some(directory) = directory else { return Self { latest: Mutex::default(), writer: None } };
        let opened = Lines::open(directory).and_then(|(lines, latest)| Ok((lines.write_on_a_thread()?, latest)));
        let (writer, latest) = opened.map_or_else(
            |error| {
                tracing::error!(%error, "{}: no history is written", directory.join(NAME).display());
                (None, VecDeque::new())
            },
            |(writer, latest)| (Some(writer), latest),
        );
        Self { latest: Mutex::new(latest), writer }
    }

    pub fn record(&self, entry: &Entry<'_>) {
        let Ok(value) = to_raw_value(entry) else { return };
        // Held, so that the order is the same on disk.
        let mut latest = locked(&self.latest);
        if let Some(writer) = &self.writer {
            // The thread ends with the process.
            _ = writer.send(ToWrite::Attempt(value.clone()));
        }
        remember(&mut latest, value);
    }

    /// Waits until all is on disk, but not for ever: false, if some is not.
    pub fn flush(&self) -> bool {
        let Some(writer) = &self.writer else { return true };
        let (written, flushed) = channel();
        writer.send(ToWrite::Flush(written)).is_ok() && flushed.recv_timeout(PATIENCE).is_ok()
    }

    /// Those that came to something else than that nothing has changed, newest first.
    pub fn latest_news(&self, most: usize) -> Vec<Box<RawValue>> {
        #[derive(Deserialize)]
        struct Attempt {
            result: String,
        }
        let is_news = |value: &RawValue| {
            let attempt = serde_json::from_str::<Attempt>(value.get());
            attempt.is_ok_and(|attempt| attempt.result != Verdict::Unchanged.name())
        };
        locked(&self.latest).iter().rev().filter(|value| is_news(value)).take(most).cloned().collect()
    }

    /// Newest first.
    pub fn latest(&self, most: usize) -> Vec<Box<RawValue>> {
        locked(&self.latest).iter().rev().take(most).cloned().collect()
    }
}

fn remember(latest: &mut VecDeque<Box<RawValue>>, value: Box<RawValue>) {
    if latest.len() == REMEMBERED {
        latest.pop_front();
    }
    latest.push_back(value);
}

/// A panic elsewhere has left nothing half done: each is one statement.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file that is written to.
struct Lines {
    directory: PathBuf,
    file: File,
    size: u64,
}

impl Lines {
    fn write_on_a_thread(mut self) -> io::Result<Sender<ToWrite>> {
        let (sender, received) = channel();
        let run = move || {
            for one in received {
                match one {
                    ToWrite::Attempt(value) => {
                        if let Err(error) = self.write(&value) {
                            tracing::error!(%error, "an attempt could not be written to the history");
                        }
                    }
                    // Who waited may have given up.
                    ToWrite::Flush(written) => _ = written.send(()),
                }
            }
        };
        std::thread::Builder::new().name("history".to_owned()).spawn(run)?;
        Ok(sender)
    }

    fn open(directory: &Path) -> io::Result<(Self, VecDeque<Box<RawValue>>)> {
        let mut latest = VecDeque::new();
        for number in (1..=ROTATED).rev() {
            match fs::read(rotated(directory, number)) {
                Ok(bytes) => values(&bytes).for_each(|value| remember(&mut latest, value)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(directory.join(NAME))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        values(&bytes).for_each(|value| remember(&mut latest, value));
        if bytes.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n")?;
        }
        let size = file.seek(SeekFrom::End(0))?;
        Ok((Self { directory: directory.to_owned(), file, size }, latest))
    }

    fn write(&mut self, value: &RawValue) -> io::Result<()> {
        let line = format!("{value}\n");
        self.find_again()?;
        if self.size > 0 && self.size + line.len() as u64 > ROTATED_AT {
            self.rotate()?;
        }
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a line, as on a full disk, would spoil the next.
            _ = self.file.set_len(self.size);
        } else {
            self.size += line.len() as u64;
        }
        written
    }

    /// Begins another file where somebody has taken this one away: what is written to it now, nobody can read.
    fn find_again(&mut self) -> io::Result<()> {
        let path = self.directory.join(NAME);
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        if path.metadata().ok().map(identity) != Some(identity(self.file.metadata()?)) {
            fs::create_dir_all(&self.directory)?;
            self.file = OpenOptions::new().append(true).create(true).open(path)?;
            self.size = self.file.metadata()?.len();
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..ROTATED).rev() {
            match fs::rename(rotated(&self.directory, number), rotated(&self.directory, number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let path = self.directory.join(NAME);
        fs::rename(&path, rotated(&self.directory, 1))?;
        self.file = OpenOptions::new().append(true).create(true).open(path)?;
        self.size = 0;
        Ok(())
    }
}

fn rotated(directory: &Path, number: usize) -> PathBuf {
    directory.join(format!("history.{number}.jsonl"))
}

/// Every line that is whole, and may be an attempt.
fn values(bytes: &[u8]) -> impl Iterator<Item = Box<RawValue>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| line.first() == Some(&b'{'));
    lines.filter_map(|line| serde_json::from_slice(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Candidate;

    fn record(history: &History, generation: u64, source: &str) {
        let candidate = Candidate { source: Some(source.to_owned()), ..Candidate::default() };
        let outcome = Outcome { candidate, ..Outcome::new(Verdict::Published, generation, Vec::new()) };
        history.record(&Entry::new("table", "reload", &Trigger::Signal, &outcome, SystemTime::UNIX_EPOCH));
    }

    fn generations(history: &History, most: usize) -> Vec<u64> {
        let value = |entry: Box<RawValue>| serde_json::from_str::<serde_json::Value>(entry.get()).unwrap();
        history.latest(most).into_iter().map(|entry| value(entry)["generation"].as_u64().unwrap()).collect()
    }

    #[test]
    fn it_goes_on_where_it_was_whatever_was_cut_short() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::open(Some(directory.path()));
        (1..=3).for_each(|generation| record(&history, generation, "t.json"));
        while !history.flush() {}
        let path = directory.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let kept = (1..=3).filter(|line| cut + 1 >= whole.len() / 3 * line).count() as u64;
            let history = History::open(Some(directory.path()));
            record(&history, 9, "t.json");
            while !history.flush() {}
            let again = History::open(Some(directory.path()));
            let expected: Vec<u64> = [9].into_iter().chain((1..=kept).rev()).collect();
            assert_eq!(generations(&again, 10), expected, "cut after {cut} bytes");
        }
    }

    #[test]
    fn it_begins_anew_where_it_was_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        fs::create_dir(&state).unwrap();
        let history = History::open(Some(&state));
        record(&history, 1, "t.json");
        while !history.flush() {}
        fs::remove_file(state.join(NAME)).unwrap();
        record(&history, 2, "t.json");
        while !history.flush() {}
        fs::rename(state.join(NAME), state.join("elsewhere.jsonl")).unwrap();
        record(&history, 3, "t.json");
        while !history.flush() {}
        assert_eq!(generations(&History::open(Some(&state)), 10), [3]);
        fs::remove_dir_all(&state).unwrap();
        record(&history, 4, "t.json");
        while !history.flush() {}
        assert_eq!(generations(&History::open(Some(&state)), 10), [4]);
        assert_eq!(generations(&history, 10), [4, 3, 2, 1]);
    }

    #[test]
    fn what_is_no_attempt_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(NAME), "null\n\"s\"\n[]\n7\n{\n").unwrap();
        let history = History::open(Some(directory.path()));
        record(&history, 1, "t.json");
        while !history.flush() {}
        assert_eq!(generations(&history, 10), [1]);
    }

    #[test]
    fn it_rotates_and_remembers_the_latest() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::open(Some(directory.path()));
        let source = "s".repeat(4000);
        let all = ROTATED_AT / 4000 * (ROTATED as u64 + 2);
        (1..=all).for_each(|generation| record(&history, generation, &source));
        while !history.flush() {}
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, ROTATED + 1);
        assert_eq!(generations(&history, 2), [all, all - 1]);
        assert_eq!(generations(&history, usize::MAX).len(), REMEMBERED);
        let again = History::open(Some(directory.path()));
        assert_eq!(generations(&again, usize::MAX), generations(&history, usize::MAX));
    }
}
