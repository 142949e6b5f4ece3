//! Kept files that are not what they were, and what a crash leaves behind.

use std::fs;

use serde_json::json;

use super::{Keeping, version};
use crate::harness::refused_start;

/// Three versions kept, and a bad source.
fn three() -> Keeping {
    let keeping = Keeping::new();
    keeping.publish("test.2");
    keeping.publish("test.3");
    keeping.setup.replace("table.json", "{");
    keeping
}

const DAMAGES: [&str; 3] = ["truncated", "altered", "deleted"];

fn damage(keeping: &Keeping, name: &str, how: &str) {
    let path = keeping.setup.path(name);
    let bytes = fs::read(&path).unwrap();
    match how {
        "truncated" => fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
        // A table still, and as long.
        "altered" => fs::write(path, String::from_utf8(bytes).unwrap().replace("\"ttl\": 60", "\"ttl\": 61")).unwrap(),
        _ => fs::remove_file(path).unwrap(),
    }
}

#[test]
fn a_restart_falls_back_to_the_newest_that_is_whole() {
    for how in DAMAGES {
        let mut keeping = three();
        keeping.kill();
        damage(&keeping, &keeping.document("test.3"), how);
        keeping.start();
        assert_eq!(keeping.version(), "test.2", "{how}");
        keeping.wait_health("warn", "table.json");
        assert!(keeping.logged("ERROR", "a kept table can't be used"), "{how}");
        keeping.roll_back("test.1");
        assert_eq!(keeping.versions(), ["test.1"], "{how}");
        keeping.assert_tidy();
    }
}

#[test]
fn a_rollback_passes_over_what_is_damaged() {
    for how in DAMAGES {
        let keeping = three();
        damage(&keeping, &keeping.document("test.2"), how);
        keeping.roll_back("test.1");
        assert!(keeping.logged("ERROR", "a kept table can't be used"), "{how}");
        keeping.assert_tidy();
    }
    let keeping = three();
    for version in ["test.1", "test.2"] {
        damage(&keeping, &keeping.document(version), "altered");
    }
    let reason = keeping.no_way_back();
    assert!(reason.contains("not what was kept"), "{reason}");
    assert_eq!(keeping.shown()["held"], false);
}

#[test]
fn a_good_source_mends_what_is_damaged() {
    for how in DAMAGES {
        let mut keeping = three();
        keeping.kill();
        damage(&keeping, &keeping.document("test.3"), how);
        keeping.setup.replace("table.json", version("test.3"));
        keeping.start();
        keeping.assert_tidy();
        keeping.setup.replace("table.json", "{");
        keeping.start();
        assert_eq!(keeping.version(), "test.3", "{how}");
    }
}

#[test]
fn with_nothing_whole_a_bad_source_is_no_start() {
    let mut keeping = three();
    keeping.kill();
    fs::remove_dir_all(keeping.setup.path("state/files")).unwrap();
    let ended = refused_start(&keeping.setup);
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("a kept table can't be used"), "{}", ended.errors);
}

#[test]
fn an_index_that_is_none_is_set_aside_with_all_files() {
    for garbage in ["", "{", "\0\0\0\0", "[]", "{\"held\":false,\"tables\":[{}]}"] {
        let mut keeping = three();
        keeping.kill();
        let files = keeping.files();
        keeping.setup.write("state/index.json", garbage);
        let ended = refused_start(&keeping.setup);
        assert_eq!(ended.code, Some(1), "nothing is kept, and the source is bad");
        assert!(ended.errors.contains("not an index of kept tables"), "{}", ended.errors);
        assert_eq!(fs::read_to_string(keeping.setup.path("state/damaged/index.json")).unwrap(), garbage);
        for file in &files {
            assert!(keeping.setup.path(&format!("state/damaged/files/{file}")).is_file(), "{file}");
        }

        keeping.setup.replace("table.json", version("test.4"));
        keeping.start();
        keeping.publish("test.5");
        keeping.assert_tidy();
        assert_eq!(keeping.versions(), ["test.4", "test.5"]);
        keeping.roll_back("test.4");
        keeping.kill();

        // Again, with a good source: the service starts, and what was set aside before goes.
        keeping.setup.write("state/index.json", garbage);
        keeping.start();
        assert_eq!((keeping.version().as_str(), &keeping.shown()["held"]), ("test.5", &json!(false)));
        assert!(keeping.logged("ERROR", "not an index of kept tables"));
        assert_eq!(fs::read_dir(keeping.setup.path("state/damaged/files")).unwrap().count(), 3);
        keeping.wait_health("pass", "");
    }
}

#[test]
fn what_a_crash_leaves_behind_is_cleared() {
    let mut keeping = three();
    keeping.kill();
    fs::remove_file(keeping.setup.path("table.json")).unwrap();
    keeping.setup.write("state/unfinished", "half a fi");
    keeping.setup.write("state/files/0123", "of a table that was never published");
    keeping.start();
    keeping.assert_tidy();
    assert_eq!(keeping.version(), "test.3");
}

#[test]
fn what_can_not_be_cleared_is_told_and_no_hindrance() {
    let mut keeping = three();
    keeping.kill();
    fs::create_dir(keeping.setup.path("state/files/lost+found")).unwrap();
    keeping.start();
    assert_eq!(keeping.version(), "test.3");
    assert!(keeping.logged("WARN", "lost+found"));
    keeping.publish("test.4");
    assert_eq!(keeping.versions().last().unwrap(), "test.4");
}
