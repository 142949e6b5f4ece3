//! Stores that hang or drip: given up after a time, and nobody who has something urgent waits for them.

use crate::harness::{refused_start, wait_until};
use crate::site::{Site, plain_table};
use crate::web::{Page, Web};

#[test]
fn what_takes_too_long_is_given_up() {
    let web = Web::start();
    web.set("hangs.json", Page::hanging());
    web.set("drips.json", Page::tagged(plain_table("one")).dripping());
    for name in ["hangs.json", "drips.json"] {
        let site = Site::at(&web.url(name), "timeout = 0.5");
        let ended = refused_start(&site.setup);
        assert_eq!(ended.code, Some(1));
        assert!(ended.errors.contains("[table] timeout") && ended.errors.contains(name), "{ended:?}");
    }
    // While it runs, it is told of, and asked again.
    web.set("table.json", Page::tagged(plain_table("one")));
    let site = Site::at(&web.url("table.json"), "timeout = 0.5");
    let instance = site.serve_version("one");
    for page in [Page::hanging(), Page::tagged(plain_table("two")).dripping()] {
        web.set("table.json", page);
        instance.wait_warning(&["[table] timeout", &web.url("table.json")]);
        web.set("table.json", Page::tagged(plain_table("one")));
        assert_eq!(instance.reload("table")["result"], "unchanged");
        instance.wait_pass();
    }
    web.set("table.json", Page::tagged(plain_table("two")));
    instance.wait_version("two");
}

/// Longer than anything here may take.
const LONG: &str = "timeout = 600";

#[test]
fn a_rollback_does_not_wait_for_it() {
    let web = Web::start();
    web.set("table.json", Page::tagged(plain_table("one")));
    let site = Site::at(&web.url("table.json"), LONG);
    let instance = site.serve_version("one");
    web.set("table.json", Page::tagged(plain_table("two")));
    instance.wait_version("two");
    let before = web.count("table.json", 200);
    web.set("table.json", Page::hanging());
    wait_until("it hangs", || web.count("table.json", 200) > before);
    let answer = instance.post("/rollback");
    assert_eq!((answer.status, answer.json()["table"]["result"].as_str()), (200, Some("published")));
    assert_eq!(instance.version(), "one");
    assert!(instance.get("/table")["last_error"].is_null(), "{}", instance.get("/table"));
    instance.wait_pass();
}

#[test]
fn another_configuration_does_not_wait_for_it() {
    let web = Web::start();
    web.set("table.json", Page::tagged(plain_table("one")));
    let mut site = Site::at(&web.url("table.json"), LONG);
    // Overrides hang, too.
    site.source(&web.url("table.json"), &format!("{LONG}\noverrides = \"{}\"", web.url("overrides.json")));
    let instance = site.serve_version("one");
    let before = web.count("table.json", 200);
    web.set("table.json", Page::hanging());
    web.set("overrides.json", Page::hanging());
    wait_until("both hang", || web.count("table.json", 200) > before && web.count("overrides.json", 200) > 0);
    web.set("elsewhere.json", Page::tagged(plain_table("two")));
    let text = std::fs::read_to_string(site.setup.path("croupier.toml")).unwrap();
    let text = text.replace("table.json", "elsewhere.json").replace("overrides.json", "none.json");
    site.setup.replace("croupier.toml", text);
    instance.service.signal("HUP");
    instance.wait_version("two");
    instance.wait_pass();
}

#[test]
fn nor_does_the_end() {
    let web = Web::start();
    web.set("table.json", Page::tagged(plain_table("one")));
    let site = Site::at(&web.url("table.json"), LONG);
    let mut instance = site.serve_version("one");
    web.set("table.json", Page::hanging());
    let before = web.count("table.json", 200);
    wait_until("it hangs", || web.count("table.json", 200) > before);
    instance.service.signal("TERM");
    assert!(instance.service.wait_exit(crate::harness::PATIENCE).success());
}

#[test]
fn lookups_and_overrides_go_on_meanwhile() {
    let web = Web::start();
    web.set("table.json", Page::tagged(plain_table("one")));
    let mut site = Site::at(&web.url("table.json"), LONG);
    site.source(&web.url("table.json"), &format!("{LONG}\noverrides = \"overrides.json\""));
    let instance = site.serve_version("one");
    let before = web.count("table.json", 200);
    web.set("table.json", Page::hanging());
    wait_until("it hangs", || web.count("table.json", 200) > before);
    site.run(&["override", "--file", "overrides.json", "cdn", "beta", "down"]).good();
    wait_until("beta is down", || !instance.answer("203.0.113.1")["cdns"].to_string().contains("beta"));
    assert_eq!(instance.version(), "one");
}
