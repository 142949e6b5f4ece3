//! The history on disk: over restarts, torn lines and a file that can't be written.

use std::fs::{self, OpenOptions};
use std::io::Write;

use serde_json::Value;

use super::history::entries;
use super::{Guarded, parted};
use crate::harness::wait_until;

#[test]
fn it_goes_on_after_a_restart_and_passes_over_what_is_torn() {
    let mut guarded = Guarded::keeping("", &parted("first", 0, 0));
    guarded.publish(&parted("second", 1, 0));
    let path = guarded.setup.path("state/history.jsonl");
    let mut known = entries(&guarded, "?limit=1000");
    let torn = ["", "{\"at\":\"2026-", "\n\n", "\u{fffd}\u{0}\n", "{}}\n", "\"at"];
    for (restart, torn) in (1..).zip(torn) {
        wait_until("what is told is what is written", || {
            let lines = fs::read_to_string(&path).unwrap();
            let mut written: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            written.reverse();
            written == known
        });
        guarded.running = None;
        OpenOptions::new().append(true).open(&path).unwrap().write_all(torn.as_bytes()).unwrap();
        guarded.start();
        let all = entries(&guarded, "?limit=1000");
        let new = all.len() - known.len();
        assert_eq!(all[new..], known, "{torn:?}");
        assert!(all[..new].iter().all(|entry| entry["trigger"] == "start"), "{:#?}", &all[..new]);
        assert!(all[..new].iter().any(|entry| entry["what"] == "table" && entry["generation"] == 1));
        guarded.publish(&parted(&format!("restart.{restart}"), 1, 0));
        assert_eq!(guarded.history()[0]["generation"], 2);
        known = entries(&guarded, "?limit=1000");
    }
    // One that can't be written to costs the record only.
    guarded.running = None;
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    guarded.start();
    guarded.publish(&parted("after", 1, 0));
    let logged = guarded.service().log();
    assert!(logged.iter().any(|line| line["level"] == "ERROR" && line.to_string().contains("history.jsonl")));
    assert!(guarded.history().len() >= 2, "it is in memory all the same");
}

#[test]
fn without_a_directory_it_lasts_as_long_as_the_process() {
    let mut guarded = Guarded::new("", &parted("first", 0, 0));
    guarded.publish(&parted("second", 1, 0));
    assert!(guarded.history().len() >= 2);
    guarded.start();
    assert_eq!(guarded.history().len(), 1);
    assert_eq!(guarded.history()[0]["trigger"], "start");
}
