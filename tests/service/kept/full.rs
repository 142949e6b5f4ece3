//! A directory that can't be written: nothing is kept, everything is served, and it is told.

use std::fs;

use serde_json::json;

use super::{Keeping, version};
use crate::harness::refused_start;

const NOT_KEPT: &str = "could not be kept";

/// Lets no file be written, as a full disk does.
fn fill(keeping: &Keeping) {
    fs::create_dir_all(keeping.setup.path("state/unfinished/in-the-way")).unwrap();
}

fn empty(keeping: &Keeping) {
    fs::remove_dir_all(keeping.setup.path("state/unfinished")).unwrap();
}

#[test]
fn what_can_not_be_kept_is_served_and_told() {
    let mut keeping = Keeping::new();
    keeping.publish("test.2");
    fill(&keeping);
    keeping.publish("test.3");
    assert_eq!(keeping.answer("203.0.113.1")["version"], "test.3");
    assert!(keeping.logged("ERROR", NOT_KEPT));
    assert_eq!(keeping.versions(), ["test.1", "test.2"]);
    keeping.kill();
    empty(&keeping);
    keeping.setup.replace("table.json", "{");
    keeping.start();
    assert_eq!(keeping.version(), "test.2", "the last that was kept");
}

#[test]
fn the_next_reload_keeps_it_though_unchanged() {
    let mut keeping = Keeping::new();
    fill(&keeping);
    keeping.publish("test.2");
    empty(&keeping);
    assert_eq!(keeping.post("/reload").json()["table"]["result"], "unchanged");
    assert_eq!(keeping.versions(), ["test.1", "test.2"]);
    keeping.assert_tidy();
    keeping.setup.replace("table.json", "{");
    keeping.start();
    assert_eq!(keeping.version(), "test.2");
}

#[test]
fn a_directory_that_is_taken_away_is_made_again() {
    let mut keeping = Keeping::new();
    fs::remove_dir_all(keeping.setup.path("state")).unwrap();
    assert_eq!(keeping.post("/reload").json()["table"]["result"], "unchanged");
    keeping.publish("test.2");
    assert_eq!(keeping.versions(), ["test.1", "test.2"]);
    assert!(!keeping.logged("ERROR", NOT_KEPT));
    keeping.setup.replace("table.json", "{");
    keeping.start();
    assert_eq!(keeping.version(), "test.2");
}

#[test]
fn a_rollback_goes_to_the_last_that_was_kept() {
    let mut keeping = Keeping::new();
    keeping.publish("test.2");
    fill(&keeping);
    keeping.publish("test.3");
    keeping.roll_back("test.2");
    keeping.roll_back("test.1");
    assert!(keeping.logged("ERROR", NOT_KEPT));
    assert!(keeping.no_way_back().contains("no table before the one in service"));
    keeping.kill();
    empty(&keeping);
    keeping.setup.replace("table.json", "{");
    keeping.start();
    assert_eq!((keeping.version().as_str(), &keeping.shown()["held"]), ("test.2", &json!(false)), "as on disk");
}

#[test]
fn the_index_names_no_file_that_is_not_kept() {
    // The index can be written, the files can't; and there is no older table to make up for it.
    let mut keeping = Keeping::with("state = \"state\"\nkeep = 0");
    keeping.start();
    fs::rename(keeping.setup.path("state/files"), keeping.setup.path("state/elsewhere")).unwrap();
    keeping.setup.write("state/files", "in the way");
    keeping.publish("test.2");
    assert!(keeping.logged("ERROR", NOT_KEPT));
    assert_eq!(keeping.versions(), ["test.1"]);
    keeping.kill();
    fs::remove_file(keeping.setup.path("state/files")).unwrap();
    fs::rename(keeping.setup.path("state/elsewhere"), keeping.setup.path("state/files")).unwrap();
    keeping.setup.replace("table.json", "{");
    keeping.start();
    assert_eq!(keeping.version(), "test.1");
}

#[test]
fn a_start_on_an_unusable_directory_is_none() {
    for in_the_way in ["state", "state/files", "state/unfinished", "state/index.json"] {
        let keeping = Keeping::with("state = \"state\"");
        if in_the_way.ends_with("unfinished") || in_the_way.ends_with("index.json") {
            fs::create_dir_all(keeping.setup.path(in_the_way)).unwrap();
        } else {
            fs::create_dir_all(keeping.setup.path(in_the_way).parent().unwrap()).unwrap();
            keeping.setup.write(in_the_way, "");
        }
        let ended = refused_start(&keeping.setup);
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{in_the_way}: {}", ended.errors);
        for told in [in_the_way, "tables can't be kept here", "take `state` out of [table]"] {
            assert!(ended.errors.contains(told), "{in_the_way}: {}", ended.errors);
        }
    }
}

#[test]
fn a_directory_is_made_where_there_is_none() {
    let mut keeping = Keeping::with("state = \"deep/down/state\"");
    keeping.start();
    assert!(keeping.setup.path("deep/down/state/index.json").is_file());
    keeping.setup.replace("table.json", version("test.2"));
    assert_eq!(keeping.post("/reload").status, 200);
    keeping.roll_back("test.1");
}
