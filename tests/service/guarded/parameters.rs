//! The parameters of a reload: whoever slips reloads nothing.

use serde_json::json;

use super::trial::{all, put_off, rich};
use crate::harness::wait_until;

#[test]
fn whoever_slips_reloads_nothing() {
    let guarded = put_off("");
    guarded.setup.write_table(&rich("new", 30));
    wait_until("it is put off", || guarded.history()[0]["result"] == "postponed");
    let before = all(&guarded);
    for query in [
        "dryrun=true",
        "dry-run=true",
        "dry_run=yes",
        "dry_run=1",
        "dry_run=TRUE",
        "dry_run=true&force=maybe",
        "Dry_Run=true",
        "dry_run=true&x=true",
        "force=1",
        "forced=true",
        "dry_run=true;force=true",
        "dry_run=true&dry_run=false",
        "force=false&force=true",
        "dry_run=true&dry_run=true",
        "=true",
        "true",
    ] {
        let response = guarded.post(&format!("/reload?{query}"));
        assert_eq!(
            (response.status, response.header("content-type")),
            (400, Some("application/problem+json")),
            "{query}"
        );
        let problem = response.json();
        assert!(problem["detail"].as_str().unwrap().contains("`dry_run` and `force`"), "{problem}");
    }
    for query in ["dry_run=true", "force=true", "to=old"] {
        assert_eq!(guarded.post(&format!("/rollback?{query}")).status, 400, "{query}");
    }
    for target in ["/reload", "/reload?dry_run=true", "/rollback"] {
        let response = guarded.post_with(target, "dry_run=true");
        assert_eq!(response.status, 400, "{target}");
        assert!(response.json()["detail"].as_str().unwrap().contains("has a body"));
    }
    let get = guarded.get("/reload?dry_run=true");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert_eq!(all(&guarded), before);
    for query in ["dry_run", "dry_run=", "dry_run=true&force=false", "dry%5Frun=%74rue", "force=true&dry_run=true"] {
        let response = guarded.post(&format!("/reload?{query}"));
        assert_eq!((response.status, &response.json()["dry_run"]), (200, &json!(true)), "{query}");
    }
    assert_eq!(all(&guarded), before);
    assert_eq!(guarded.post("/reload?dry_run=false").status, 200);
    assert_eq!(guarded.version(), "new");
}
