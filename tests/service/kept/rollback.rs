//! `POST /rollback`: back to what was, held until someone asks, without the source.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::{Keeping, PREFIXES, version};
use crate::harness::{Leaf, wait_until};

/// Long enough that a change of a file would have been acted on.
const SETTLED: Duration = Duration::from_millis(1500);

#[test]
fn it_goes_back_step_by_step() {
    let mut keeping = Keeping::new();
    keeping.publish("test.2");
    keeping.publish("test.3");
    keeping.roll_back("test.2");
    assert_eq!(keeping.versions(), ["test.1", "test.2"], "what was left is forgotten");
    keeping.assert_tidy();
    keeping.roll_back("test.1");
    assert_eq!(keeping.answer("203.0.113.1")["version"], "test.1");
    assert!(keeping.no_way_back().contains("no table before the one in service"));
    assert_eq!(keeping.shown()["held"], true, "it is held all the same");
    keeping.assert_tidy();
    assert!(keeping.logged("INFO", "admin ops-1.example"), "who asked is told");
    keeping.start();
    assert_eq!((keeping.version().as_str(), &keeping.shown()["held"]), ("test.1", &json!(true)));
    assert!(keeping.no_way_back().contains("no table before the one in service"));
}

#[test]
fn it_is_for_admins_who_post() {
    let keeping = Keeping::new();
    keeping.publish("test.2");
    let address = keeping.service().admin.unwrap();
    let probe = Leaf::client("probe.example").issued_by(&keeping.setup.pki.ops);
    for identity in [&keeping.setup.selector, &probe] {
        let mut connection = keeping.setup.client(Some(identity)).connect(address).unwrap();
        connection.send("POST /rollback HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_eq!(connection.read().unwrap().status, 403);
    }
    let response = keeping.setup.client(Some(&keeping.admin)).get(address, "/rollback").unwrap();
    assert_eq!((response.status, response.header("allow")), (405, Some("POST")));
    assert_eq!((keeping.version().as_str(), &keeping.shown()["held"]), ("test.2", &json!(false)));
}

#[test]
fn without_a_directory_it_says_what_to_set() {
    let mut keeping = Keeping::with("");
    keeping.start();
    keeping.publish("test.2");
    assert!(keeping.no_way_back().contains("`[table] state`"));
    assert_eq!(keeping.shown()["held"], false);
}

/// A service that went back to `test.1`.
fn held() -> Keeping {
    let keeping = Keeping::new();
    keeping.publish("test.2");
    keeping.roll_back("test.1");
    keeping
}

#[test]
fn changes_of_files_publish_nothing_over_restarts_too() {
    let mut keeping = held();
    for round in 0..2 {
        let generation = keeping.shown()["generation"].clone();
        let before = keeping.reloads("held");
        keeping.setup.replace("table.json", version("test.3"));
        wait_until("it is seen", || keeping.reloads("held") == before + 1.0);
        keeping.setup.replace("prefixes.txt", format!("{PREFIXES}2001:db8:60{round}::/48\n"));
        std::thread::sleep(SETTLED);
        assert_eq!((keeping.version().as_str(), &keeping.shown()["generation"]), ("test.1", &generation));
        assert_eq!(keeping.reloads("failed"), 0.0);
        assert!(keeping.reloads("held") <= before + 2.0, "a change is seen once");
        keeping.start();
        assert_eq!(keeping.shown()["held"], true);
        assert_eq!(keeping.service().metrics().sum("croupier_table_held", &[]), 1.0);
        assert!(keeping.logged("WARN", "a rollback holds"));
        assert_eq!(keeping.version(), "test.1");
    }
    assert_eq!(keeping.post("/reload").status, 200);
    assert_eq!((keeping.version().as_str(), &keeping.shown()["held"]), ("test.3", &json!(false)));
}

#[test]
fn asking_for_a_reload_releases() {
    for (by, change) in [("reload", true), ("reload", false), ("signal", true), ("signal", false)] {
        let mut keeping = held();
        // Unchanged: the source is what is in service.
        let name = if change { "test.3" } else { "test.1" };
        keeping.setup.replace("table.json", version(name));
        wait_until("it is seen", || keeping.reloads("held") == 1.0);
        match by {
            "signal" => keeping.service().signal("HUP"),
            _ => assert_eq!(keeping.post("/reload").status, 200),
        }
        wait_until("it is released", || keeping.shown()["held"] == false);
        assert_eq!(keeping.version(), name, "by {by}");
        assert_eq!(keeping.service().metrics().sum("croupier_table_held", &[]), 0.0);
        wait_until("that is kept", || keeping.index()["held"] == false);
        keeping.setup.replace("table.json", version("test.4"));
        wait_until("changes count again", || keeping.version() == "test.4");
        keeping.start();
        assert_eq!((keeping.version().as_str(), &keeping.shown()["held"]), ("test.4", &json!(false)));
    }
}

#[test]
fn a_refused_reload_keeps_the_hold() {
    let mut keeping = held();
    keeping.refuse("{");
    assert_eq!((keeping.version().as_str(), &keeping.shown()["held"]), ("test.1", &json!(true)));
    assert!(keeping.shown()["last_error"].is_string());
    let before = keeping.reloads("held");
    keeping.setup.replace("table.json", version("test.3"));
    wait_until("it is seen", || keeping.reloads("held") > before);
    assert_eq!(keeping.version(), "test.1");
    keeping.start();
    assert_eq!((keeping.version().as_str(), &keeping.shown()["held"]), ("test.1", &json!(true)));
}

#[test]
fn as_many_are_kept_as_it_says() {
    for keep in [0, 2] {
        let mut keeping = Keeping::with(&format!("state = \"state\"\nkeep = {keep}"));
        keeping.start();
        for number in 2..=keep + 4 {
            keeping.publish(&format!("test.{number}"));
            assert!(keeping.versions().len() <= keep + 1);
            keeping.assert_tidy();
        }
        // Also with nothing to go back to, a restart has the last good one.
        keeping.setup.replace("table.json", "{");
        keeping.start();
        assert_eq!(keeping.version(), format!("test.{}", keep + 4));
        for back in 1..=keep {
            keeping.roll_back(&format!("test.{}", keep + 4 - back));
        }
        assert!(keeping.no_way_back().contains("no table before the one in service"));
    }
}

#[test]
fn the_same_table_is_kept_once() {
    let mut keeping = Keeping::new();
    keeping.publish("test.2");
    keeping.publish("test.1");
    assert_eq!(keeping.versions(), ["test.2", "test.1"]);
    assert_eq!(keeping.post("/reload").json()["table"]["result"], "unchanged");
    keeping.start();
    assert_eq!(keeping.versions(), ["test.2", "test.1"]);
    keeping.roll_back("test.2");
    assert!(keeping.no_way_back().contains("no table before"));
}

#[test]
fn all_files_are_those_of_then() {
    let mut keeping = Keeping::new();
    let then = ["2001:db8:4000::1", "198.51.100.7"].map(|ip| keeping.answer(ip));
    assert_eq!([&then[0]["mix"], &then[1]["footprint"]], [&json!("solo"), &json!("asn:as64500")]);
    // The document is the same, its files are not.
    keeping.setup.replace("prefixes.txt", "2001:db8:5000::/36\n");
    keeping.setup.replace("asn.csv", "start,end,asn\n192.88.99.0,192.88.99.255,64500\n");
    assert_eq!(keeping.post("/reload").status, 200);
    keeping.publish("test.2");
    assert_eq!(keeping.answer("2001:db8:4000::1")["footprint"], "default");
    let steps = keeping.versions().len() - 1;
    for name in ["table.json", "prefixes.txt", "asn.csv"] {
        fs::remove_file(keeping.setup.path(name)).unwrap();
    }
    (0..steps).for_each(|_| keeping.roll_back("test.1"));
    for restarted in [false, true] {
        if restarted {
            keeping.start();
        }
        for (ip, mut then) in ["2001:db8:4000::1", "198.51.100.7"].into_iter().zip(then.clone()) {
            then["generation"] = keeping.shown()["generation"].clone();
            assert_eq!(keeping.answer(ip), then);
        }
    }
}
