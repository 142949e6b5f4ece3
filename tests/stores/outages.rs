//! A store that is down, or lets nobody in: what serves goes on, and says so; what starts says why it can't.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::refused_start;
use crate::s3::Keys;
use crate::site::{CURRENT, FILED, Instance, Site, plain_table, table};
use crate::web::{Page, Web};
use crate::weed::{OPS, Weed};

const WRONG: Keys = Keys { secret: "some other secret", ..OPS };

#[test]
fn without_a_table_nothing_starts_and_says_why() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = Site::of(&bucket);
    let place = bucket.url(CURRENT);
    let ended = refused_start(&site.setup);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains(&place) && ended.errors.contains("does not exist"), "{ended:?}");
    site.publish(&bucket, &table("one")).good();
    site.speak_to(&bucket, WRONG);
    let ended = refused_start(&site.setup);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for said in [place.as_str(), "access is denied", "SignatureDoesNotMatch", "AWS_"] {
        assert!(ended.errors.contains(said), "{said}: {ended:?}");
    }
    site.source("s3://no-such-bucket/cdn/current.json", "");
    site.speak_to(&bucket, OPS);
    let ended = refused_start(&site.setup);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains("no-such-bucket") && ended.errors.contains("no such bucket"), "{ended:?}");
}

#[test]
fn the_last_good_table_starts_where_the_store_lets_nobody_in() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    drop(site.serve_version("one"));
    site.speak_to(&bucket, WRONG);
    let instance = site.serve_version("one");
    instance.wait_warning(&["access is denied", &bucket.url(CURRENT)]);
    let status = instance.get("/table");
    assert!(status["last_error"].as_str().unwrap().contains("access is denied"), "{status}");
    assert!(status["source"].as_str().unwrap().contains("kept copy"), "{status}");
    drop(instance);
    // As soon as it is let in, by itself or after a restart, it reads what is new.
    site.publish(&bucket, &table("two")).bad(&["access is denied"]);
    site.speak_to(&bucket, OPS);
    site.publish(&bucket, &table("two")).good();
    let instance = site.serve_version("two");
    instance.wait_pass();
}

#[test]
fn a_store_that_is_not_there_is_told_of() {
    // Where nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = Site::at(&format!("http://{free}/table.json"), "");
    let ended = refused_start(&site.setup);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains(&free.to_string()), "{ended:?}");
    assert!(ended.errors.to_lowercase().contains("connection refused"), "{ended:?}");
}

/// Asks again and again, until it is told to stop.
fn ask_on(instance: &Instance<'_>, ends: &AtomicBool, answers: &AtomicUsize) {
    let client = instance.site.setup.client(Some(&instance.site.setup.selector));
    let mut connection = client.connect(instance.service.lookup).unwrap();
    while !ends.load(Ordering::Relaxed) {
        let response = connection.get(&format!("/lookup?ip={FILED}")).unwrap();
        assert_eq!(response.status, 200);
        answers.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Has those end who ask on, even if the test fails.
struct Ending<'e>(&'e AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_store_may_go_and_come_back() {
    let folder = TempDir::new().unwrap();
    let Some(mut weed) = Weed::own(folder.path()) else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    let instance = site.serve_version("one");
    let (ends, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let ending = Ending(&ends);
        let asking = scope.spawn(|| ask_on(&instance, &ends, &answers));
        weed.stop();
        instance.wait_warning(&["the last reload failed", &bucket.url(CURRENT)]);
        let status = instance.get("/table");
        assert!(status["last_error"].is_string(), "{status}");
        // Who asks for it is told the same.
        let outcome = instance.post("/reload");
        assert_eq!((outcome.status, outcome.json()["table"]["result"].as_str()), (409, Some("refused")));
        weed.restart_with(OPS);
        site.publish(&bucket, &table("two")).good();
        wait_long("it recovers", || instance.version() == "two");
        instance.wait_pass();
        // Again, and another comes up meanwhile, with what is kept.
        weed.stop();
        let mut other = Site::of(&bucket);
        other.source(&bucket.url(CURRENT), &format!("state = \"{}\"", copy(&site, "state").display()));
        let late = other.serve_version("two");
        late.wait_warning(&["the last reload failed"]);
        // It is back, but lets nobody in.
        weed.restart_with(WRONG);
        for instance in [&instance, &late] {
            assert_eq!(instance.reload("table")["result"], "refused");
            let status = instance.get("/table");
            assert!(status["last_error"].as_str().unwrap().contains("access is denied"), "{status}");
            instance.wait_warning(&["access is denied"]);
            assert_eq!(instance.version(), "two");
        }
        weed.stop();
        weed.restart_with(OPS);
        site.publish(&bucket, &table("three")).good();
        for instance in [&instance, &late] {
            assert_eq!(instance.reload("table")["result"], "published");
            assert_eq!(instance.version(), "three");
            instance.wait_pass();
        }
        drop(ending);
        asking.join().unwrap();
    });
    assert!(answers.load(Ordering::Relaxed) > 10);
}

/// Waits for what comes by itself after a long time of failures.
#[track_caller]
fn wait_long(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(100);
    while !holds() {
        assert!(Instant::now() < deadline, "not by itself: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A copy of the kept tables of a site.
fn copy(site: &Site, folder: &str) -> std::path::PathBuf {
    let (from, to) = (site.setup.path(folder), site.setup.path("copied"));
    let copied = std::process::Command::new("cp").arg("-r").args([&from, &to]).status().unwrap();
    assert!(copied.success());
    to
}

#[test]
fn after_a_failure_that_is_over_looks_are_as_often_as_before() {
    let web = Web::start();
    web.set("table.json", Page::tagged(plain_table("one")));
    let site = Site::at(&web.url("table.json"), "poll = 1");
    let instance = site.serve_version("one");
    // After five failures the next look by itself is half a minute away.
    web.set("table.json", Page::status(400));
    wait_long("many failures", || {
        let failed = [("what", "table"), ("result", "failed")];
        instance.service.metrics().sum("croupier_reloads_total", &failed) >= 5.0
    });
    web.set("table.json", Page::tagged(plain_table("two")));
    assert_eq!(instance.reload("table")["result"], "published");
    web.set("table.json", Page::tagged(plain_table("three")));
    instance.wait_version("three");
}
