//! Tables in stores without a pointer: the document, and its files beside it, each asked for by itself.

use crate::harness::{refused_start, wait_until};
use crate::site::{FILED, Instance, Site, plain_table, prefixes, table};
use crate::web::{Page, Web};
use crate::weed::Weed;

const FILE: &str = "live/prefixes/solo.txt";
const DOCUMENT: &str = "live/cdn-table.json";

fn text(version: &str) -> String {
    format!("{:#}\n", table(version))
}

/// The prefixes, and one more.
fn more(prefix: &str) -> String {
    format!("{}{prefix}\n", prefixes())
}

#[test]
fn in_s3_every_file_is_asked_for() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    bucket.put(DOCUMENT, text("one"));
    bucket.put(FILE, prefixes());
    let mut site = Site::of(&bucket);
    site.source(&bucket.url(DOCUMENT), "");
    let instance = site.serve_version("one");
    let before = instance.asked();
    instance.wait_unchanged(6.0);
    assert_eq!((instance.asked().read, instance.asked().bytes), (before.read, before.bytes));
    bucket.put(FILE, more("192.0.2.128/25"));
    wait_until("the file is read anew", || instance.answer("192.0.2.129")["mix"] == "solo");
    bucket.put(DOCUMENT, text("two"));
    instance.wait_version("two");
    bucket.delete(FILE);
    instance.wait_warning(&["does not exist", "prefixes/solo.txt"]);
    assert_eq!(instance.version(), "two");
    bucket.put(FILE, prefixes());
    instance.wait_pass();
    assert_eq!(instance.answer("192.0.2.129")["mix"], "world");
}

#[test]
fn over_http_what_has_an_etag_is_not_read_again() {
    let web = Web::start();
    web.set(DOCUMENT, Page::tagged(text("one")));
    web.set(FILE, Page::tagged(prefixes()));
    let site = Site::at(&web.url(DOCUMENT), "");
    let instance = site.serve_version("one");
    wait_until("the file is asked for", || web.count(FILE, 304) > 3);
    assert_eq!((web.count(FILE, 200), web.count(DOCUMENT, 200)), (1, 1));
    web.set(FILE, Page::tagged(more("192.0.2.128/25")));
    wait_until("the file is read anew", || instance.answer("192.0.2.129")["mix"] == "solo");
    web.set(DOCUMENT, Page::tagged(text("two")));
    instance.wait_version("two");
    let asked = instance.asked();
    assert_eq!((asked.read, asked.changed, asked.failed), (6.0, 2.0, 0.0), "{asked:?}");
}

#[test]
fn over_http_a_time_of_change_will_do() {
    let web = Web::start();
    web.set(DOCUMENT, Page::modified(text("one"), "Sun, 22 Nov 2026 10:00:00 GMT"));
    web.set(FILE, Page::modified(prefixes(), "Sun, 22 Nov 2026 10:00:00 GMT"));
    let site = Site::at(&web.url(DOCUMENT), "");
    let instance = site.serve_version("one");
    wait_until("both are asked for", || web.count(DOCUMENT, 304) > 3 && web.count(FILE, 304) > 3);
    assert_eq!((web.count(FILE, 200), web.count(DOCUMENT, 200)), (1, 1));
    web.set(FILE, Page::modified(more("192.0.2.128/25"), "Sun, 22 Nov 2026 10:00:01 GMT"));
    wait_until("the file is read anew", || instance.answer("192.0.2.129")["mix"] == "solo");
    web.set(DOCUMENT, Page::modified(text("two"), "Sun, 22 Nov 2026 10:00:02 GMT"));
    instance.wait_version("two");
}

#[test]
fn over_http_what_says_nothing_of_its_state_is_read_every_time() {
    let web = Web::start();
    web.set(DOCUMENT, Page::new(text("one")));
    web.set(FILE, Page::new(prefixes()));
    let site = Site::at(&web.url(DOCUMENT), "");
    let instance = site.serve_version("one");
    wait_until("it is read again", || web.count(FILE, 200) > 4);
    // Which is no news.
    assert_eq!(instance.answer(FILED)["generation"], 1);
    assert!(!instance.get("/history").to_string().contains("\"unchanged\""));
    assert!(instance.service.log().iter().all(|line| line["what"] != "table" || line["message"] != "unchanged"));
    web.set(FILE, Page::new(more("192.0.2.128/25")));
    wait_until("the file is new", || instance.answer("192.0.2.129")["mix"] == "solo");
    web.set(DOCUMENT, Page::new(text("two")));
    instance.wait_version("two");
}

#[test]
fn a_server_that_fails_is_told_of_and_asked_again() {
    let web = Web::start();
    let good = Page::tagged(plain_table("one"));
    web.set("table.json", good.clone());
    let site = Site::at(&web.url("table.json"), "");
    let instance = site.serve_version("one");
    let url = web.url("table.json");
    let long = Page::tagged(plain_table("two"));
    for (page, said) in [
        (Page::status(500), "500"),
        (Page::status(404), "does not exist"),
        (Page::status(403), "access is denied"),
        (Page::status(401), "access is denied"),
        (long.clone().cut(100), "no good answer"),
        (long.clone().cut(0), "no good answer"),
        (Page::redirect(&url), "redirect"),
        (Page::tagged("<html>a page</html>"), "table.json:1:1"),
        (Page::tagged([0xff, 0xfe]), "not UTF-8"),
        (Page::tagged(""), "table.json"),
    ] {
        web.set("table.json", page.clone());
        let outcome = instance.post("/reload");
        assert_eq!(outcome.status, 409, "{page:?}");
        assert!(outcome.text().contains(said), "{said}: {}", outcome.text());
        instance.wait_warning(&[&url]);
        assert_eq!(instance.version(), "one");
        web.set("table.json", good.clone());
        assert_eq!(instance.reload("table")["result"], "unchanged");
    }
    web.set("table.json", long);
    instance.wait_version("two");
    instance.wait_pass();
    web.remove("table.json");
    instance.wait_warning(&["does not exist"]);
}

#[test]
fn a_redirect_is_followed() {
    let (web, other) = (Web::start(), Web::start());
    other.set("moved/table.json", Page::tagged(plain_table("one")));
    web.set("table.json", Page::redirect(&other.url("moved/table.json")));
    let site = Site::at(&web.url("table.json"), "");
    let instance = site.serve_version("one");
    other.set("moved/table.json", Page::tagged(plain_table("two")));
    instance.wait_version("two");
}

#[test]
fn a_server_that_does_not_say_how_much_there_is_is_told_of() {
    let web = Web::start();
    web.set("table.json", Page::tagged(plain_table("one")).chunked());
    let site = Site::at(&web.url("table.json"), "");
    let ended = refused_start(&site.setup);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains("Content-Length"), "{ended:?}");
}

#[test]
fn what_is_too_large_is_not_read() {
    let web = Web::start();
    web.set(DOCUMENT, Page::tagged(text("one")));
    web.set(FILE, Page::tagged(prefixes()));
    let mut site = Site::at(&web.url(DOCUMENT), "");
    site.setup.section("guards", "max_input = 40_000");
    let instance = site.serve_version("one");
    web.set(FILE, Page::tagged("# a long comment\n".repeat(2200) + &prefixes()));
    instance.wait_warning(&["larger than", "prefixes/solo.txt"]);
    assert_eq!(instance.version(), "one");
    let bytes = instance.asked().bytes;
    instance.wait_looks();
    assert!(instance.asked().bytes - bytes < 20_000.0, "the document alone is read, if anything");
    let forced = instance.post("/reload?force=true");
    assert_eq!(forced.status, 409, "not even by force: {}", forced.text());
    web.set(FILE, Page::tagged(prefixes()));
    instance.wait_pass();
    drop(instance);
    site.setup.section("guards", "max_input = 1000").section("table", &format!("source = \"{}\"", web.url(DOCUMENT)));
    let ended = refused_start(&site.setup);
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("larger than"), "{ended:?}");
}

#[test]
fn a_table_from_a_store_names_nothing_outside_of_its_folder() {
    let web = Web::start();
    web.set("secret.txt", Page::tagged("192.0.2.0/24\n"));
    let site = Site::at(&web.url(DOCUMENT), "");
    for path in ["../secret.txt", "/etc/hostname", "http://127.0.0.1/secret.txt", "a/../../secret.txt", "a\\..\\b"] {
        let mut table = table("one");
        table["footprints"][4]["footprint-file"] = path.into();
        web.set(DOCUMENT, Page::tagged(table.to_string()));
        let ended = refused_start(&site.setup);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains("only files beside it") && ended.errors.contains("relative path"), "{ended:?}");
    }
    assert_eq!(web.count("secret.txt", 200), 0);
}

#[test]
fn changes_that_must_wait_are_told_of_once() {
    let web = Web::start();
    web.set("table.json", Page::tagged(plain_table("one")));
    let mut site = Site::at(&web.url("table.json"), "");
    site.setup.section("guards", "min_interval = 3600");
    let instance = site.serve_version("one");
    web.set("table.json", Page::tagged(plain_table("two")));
    instance.wait_version("two");
    web.set("table.json", Page::tagged(plain_table("three")));
    let postponed = |instance: &Instance<'_>| instance.get("/history").to_string().matches("\"postponed\"").count();
    wait_until("it is put off", || postponed(&instance) > 0);
    instance.wait_looks();
    instance.wait_looks();
    assert_eq!((postponed(&instance), instance.version().as_str()), (1, "two"));
    assert_eq!(instance.reload("table")["result"], "published");
    assert_eq!(instance.version(), "three");
}
