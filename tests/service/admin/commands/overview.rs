//! `status` and `history` of a running service.

use serde_json::{Value, json};

use super::keeping;
use crate::harness::wait_until;

#[test]
fn status_shows_the_service() {
    let administered = keeping();
    administered.publish("test.2");
    // An attempt is written down once it is over.
    wait_until("it is in the history", || administered.run(&["status"]).output.contains("published as 2"));
    let ran = administered.run(&["status"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let digest = administered.table()["digest"].as_str().unwrap()[..12].to_owned();
    for part in
        ["health     pass\n", "table      test.2, generation 2, digest ", &digest, "overrides  none\n", " ago from "]
    {
        assert!(ran.output.contains(part), "{part}: {ran:?}");
    }
    for part in ["trust      generation 1, nothing runs out within a day\n", "published as 2", "start"] {
        assert!(ran.output.contains(part), "{part}: {ran:?}");
    }
    assert_eq!(administered.run(&["rollback"]).code, Some(0));
    assert!(administered.run(&["status"]).output.contains("HELD"), "{ran:?}");
    let ran = administered.run(&["status", "--format", "json"]);
    let answer: Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((ran.code, &answer["table"]["held"]), (Some(0), &json!(true)), "{ran:?}");
}

#[test]
fn history_shows_what_was_tried() {
    let administered = keeping();
    administered.publish("test.2");
    administered.put("test.3", |table| table["default"] = json!("wolrd"));
    assert_eq!(administered.run(&["reload"]).code, Some(1));
    let ran = administered.run(&["history"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let newest = ran.output.lines().find(|line| line.contains("ops-1.example")).unwrap_or_default();
    assert!(newest.contains("  table  ") && newest.contains("refused") && newest.contains("wolrd"), "{ran:?}");
    let oldest = ran.output.lines().rfind(|line| line.contains("  table  ")).unwrap_or_default();
    assert!(oldest.contains("published as 1 ") && oldest.contains("start") && oldest.ends_with("test.1"), "{ran:?}");
    let ran = administered.run(&["history", "--limit", "1"]);
    assert_eq!((ran.code, ran.output.lines().count()), (Some(0), 1), "{ran:?}");
    let ran = administered.run(&["history", "--format", "json"]);
    for line in ran.output.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["at"].is_string(), "{ran:?}");
    }
}
