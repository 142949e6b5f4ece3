//! A table is published, served and published anew; what does not change is not read again.

use crate::harness::wait_until;
use crate::s3::sha256;
use crate::site::{CURRENT, FILED, Site, prefixes, table};
use crate::weed::Weed;

#[test]
fn what_is_published_reaches_instances_by_itself() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    let ran = site.publish(&bucket, &table("one")).good();
    assert!(ran.output.contains("published one") && ran.output.contains(&bucket.url(CURRENT)), "{ran:?}");
    let instance = site.serve_version("one");
    assert_eq!(instance.get("/table")["source"], bucket.url(CURRENT));
    let ran = site.publish(&bucket, &table("two")).good();
    assert!(ran.output.contains("published two"), "{ran:?}");
    instance.wait_version("two");
    assert_eq!(instance.answer(FILED)["generation"], 2);
    instance.wait_pass();
    // Once more, with the way there shown in the history.
    site.publish(&bucket, &table("three")).good();
    instance.wait_version("three");
    wait_until("the history has it", || {
        let history = instance.get("/history?limit=1").to_string();
        history.contains("\"poll\"") && history.contains("three")
    });
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    let instance = site.serve_version("one");
    let before = instance.asked();
    assert!(before.bytes > prefixes().len() as f64, "{before:?}");
    instance.wait_unchanged(5.0);
    let after = instance.asked();
    assert_eq!((after.read, after.bytes, after.failed), (before.read, before.bytes, 0.0), "{after:?}");
    // Of the table's files only the document is new: the pointer and it are read, nothing else.
    site.publish(&bucket, &table("two")).good();
    instance.wait_version("two");
    let (pointer, document) = (bucket.object(CURRENT).unwrap().len(), format!("{:#}\n", table("two")).len());
    let after = instance.asked();
    assert_eq!(after.bytes - before.bytes, (pointer + document) as f64);
    assert_eq!((after.read - before.read, after.changed, after.failed), (2.0, 1.0, 0.0), "{after:?}");
    // And back: everything is kept, the pointer alone is read.
    site.run(&["publish", "--back", &bucket.url("cdn")]).good();
    instance.wait_version("one");
    let last = instance.asked();
    assert_eq!(last.bytes - after.bytes, bucket.object(CURRENT).unwrap().len() as f64);
    assert_eq!(last.read - after.read, 1.0);
}

#[test]
fn who_asks_does_not_wait_for_the_next_look() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = Site::of(&bucket);
    site.source(&bucket.url(CURRENT), "poll = 3600");
    site.publish(&bucket, &table("one")).good();
    let instance = site.serve_version("one");
    site.publish(&bucket, &table("two")).good();
    let dry = instance.post("/reload?dry_run=true").json();
    assert_eq!(dry["table"]["result"], "accepted", "{dry}");
    assert_eq!(instance.version(), "one");
    assert_eq!(instance.reload("table")["result"], "published");
    assert_eq!(instance.version(), "two");
    assert_eq!(instance.reload("table")["result"], "unchanged");
    site.publish(&bucket, &table("three")).good();
    instance.service.signal("HUP");
    instance.wait_version("three");
}

#[test]
fn a_rollback_holds_and_asks_for_nothing() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    let instance = site.serve_version("one");
    site.publish(&bucket, &table("two")).good();
    instance.wait_version("two");
    assert_eq!(instance.post("/rollback").json()["table"]["result"], "published");
    assert_eq!(instance.version(), "one");
    site.publish(&bucket, &table("three")).good();
    let before = instance.asked();
    instance.wait_looks();
    assert_eq!((instance.version().as_str(), instance.asked().read), ("one", before.read));
    assert_eq!(instance.reload("table")["result"], "published");
    assert_eq!(instance.version(), "three");
    site.publish(&bucket, &table("four")).good();
    instance.wait_version("four");
}

#[test]
fn a_store_holds_every_table_whole() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    let first = bucket.objects();
    site.publish(&bucket, &table("two")).good();
    let second = bucket.objects();
    // The pointer moved; everything else is as it was, and as much again came.
    for (key, state) in &first {
        assert_eq!(second[key] == *state, key != CURRENT, "{key}");
    }
    assert_eq!((first.len(), second.len()), (4, 7), "{second:?}");
    let pointer: serde_json::Value = serde_json::from_str(&bucket.text(CURRENT)).unwrap();
    let prefix = pointer["prefix"].as_str().unwrap();
    for (path, expected) in pointer["files"].as_object().unwrap() {
        let bytes = bucket.object(&format!("cdn/{prefix}{path}")).unwrap();
        assert_eq!(sha256(&bytes), *expected, "{path}");
    }
    // What is current already is not published again.
    let ran = site.publish(&bucket, &table("two")).good();
    assert!(ran.output.contains("already"), "{ran:?}");
    assert_eq!(bucket.objects(), second);
    // `check` and `lookup` read from there too.
    let current = bucket.url(CURRENT);
    site.run(&["check", "--table", &current]).good();
    let looked = site.run(&["lookup", "--table", &current, FILED]).good();
    assert!(looked.output.contains("mix solo"), "{looked:?}");
}

#[test]
fn names_of_files_may_be_any() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    let mut odd = table("odd");
    for (index, name) in ["50%.txt", "on net.txt", "réseau+1.txt", "a%20b.txt", "x#y?z&.txt"].iter().enumerate() {
        site.setup.write(&format!("table/prefixes/{name}"), format!("100.65.{index}.0/24\n"));
        let footprint = serde_json::json!({ "footprint-type": "ipv4cidr", "footprint-file": format!("prefixes/{name}"), "mix": "solo" });
        odd["footprints"].as_array_mut().unwrap().push(footprint);
    }
    site.publish(&bucket, &odd).good();
    let instance = site.serve_version("odd");
    for index in 0..5 {
        assert_eq!(instance.answer(&format!("100.65.{index}.1"))["mix"], "solo", "{index}");
    }
}
