//! What is looked at once a second, beside the load: the server's processor time and memory, and
//! for whoever waits, how it goes.

use std::io::{self, IsTerminal, Write};
use std::mem;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::recorder::{Recent, Shared, locked};
use crate::processor;
use crate::tally::{Tally, milliseconds};

const SECOND: Duration = Duration::from_secs(1);

/// Where no terminal is, one line in so many seconds.
const LINE_EVERY: u64 = 10;

/// A thread that ends with the run.
#[derive(Debug)]
pub struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<Watched>,
}

#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// The server's resident memory in bytes.
    pub memory: Extent,
    /// The server's open descriptors.
    pub descriptors: Extent,
    /// The processor time it had used when it was last there.
    pub cpu_at_last: Duration,
    /// Why the server's processes could not be looked at.
    pub problem: Option<String>,
}

impl Watch {
    pub fn begin(recorder: Shared, processes: Vec<u32>, length: Duration) -> Self {
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || watch(&recorder, &processes, length, &stopped));
        Self { stop, thread }
    }

    pub fn end(self) -> Watched {
        drop(self.stop);
        // If it broke off there is nothing to tell.
        self.thread.join().unwrap_or_default()
    }
}

fn watch(recorder: &Shared, processes: &[u32], length: Duration, stopped: &Receiver<()>) -> Watched {
    let begun = locked(recorder).begun;
    let mut used = processor::used(processes).unwrap_or_default();
    let mut watched = Watched { cpu_at_last: used, ..Watched::default() };
    let shown = Shown::new(length);
    for second in 1.. {
        let next = begun + SECOND * second;
        if stopped.recv_timeout(next.saturating_duration_since(Instant::now())) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        if !processes.is_empty() {
            match processor::used(processes).and_then(|used| Ok((used, processor::memory(processes)?))) {
                Ok((now_used, memory)) => {
                    let descriptors = processor::descriptors(processes);
                    watched.memory.saw(memory);
                    watched.descriptors.saw(descriptors);
                    watched.cpu_at_last = now_used;
                    let mut recorder = locked(recorder);
                    let bucket = recorder.timeline.at(SECOND * (second - 1));
                    bucket.cpu += now_used.saturating_sub(used);
                    bucket.memory = bucket.memory.max(memory);
                    bucket.descriptors = bucket.descriptors.max(descriptors);
                    used = now_used;
                }
                Err(problem) => watched.problem = Some(problem),
            }
        }
        shown.update(recorder, second.into());
    }
    shown.end();
    watched
}

/// How much of something there was.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Extent {
    pub at_first: u64,
    pub at_last: u64,
    pub most: u64,
}

impl Extent {
    fn saw(&mut self, now: u64) {
        if self.at_first == 0 {
            self.at_first = now;
        }
        self.at_last = now;
        self.most = self.most.max(now);
    }
}

/// How it goes, on standard error.
enum Shown {
    Bar(ProgressBar),
    Lines,
}

impl Shown {
    fn new(length: Duration) -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new(length.as_secs().max(1));
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos} of {len} s  {wide_msg}") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn update(&self, recorder: &Shared, second: u64) {
        if matches!(self, Self::Lines) && !second.is_multiple_of(LINE_EVERY) {
            // The last second is shown, not the last ten.
            if second % LINE_EVERY == LINE_EVERY - 1 {
                _ = take(recorder);
            }
            return;
        }
        let Some(recent) = take(recorder) else { return };
        let line = line(&recent);
        match self {
            Self::Bar(bar) => {
                bar.set_message(line);
                bar.set_position(second);
            }
            // Nobody may be reading.
            Self::Lines => _ = writeln!(io::stderr(), "{second:>6} s  {line}"),
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// What came since this was last asked.
fn take(recorder: &Shared) -> Option<Recent> {
    let blank = Recent { answers: Tally::new().ok()?, failed: 0 };
    Some(mem::replace(&mut locked(recorder).recent, blank))
}

fn line(recent: &Recent) -> String {
    let quantiles = recent.answers.quantiles();
    let [p50, p99, max] = [quantiles.p50, quantiles.p99, quantiles.max].map(milliseconds);
    let answered = recent.answers.successes();
    format!("{answered}/s  p50 {p50}  p99 {p99}  max {max}  {} failed", recent.failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_last_second() {
        let mut recent = Recent { answers: Tally::new().unwrap(), failed: 3 };
        recent.answers.record(Duration::from_micros(1500));
        assert_eq!(line(&recent), "1/s  p50 1.50 ms  p99 1.50 ms  max 1.50 ms  3 failed");
    }
}
