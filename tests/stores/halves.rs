//! Publishers that are broken off, objects that are spoilt, pointers that are none: no instance sees half a table,
//! and to publish again mends it.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::wait_until;
use crate::relay::{Break, Gate, Relay};
use crate::s3::{Bucket, sha256};
use crate::site::{CURRENT, Instance, Site, prefixes, table};
use crate::weed::{OPS, Weed};

/// Serves "one" from a bucket, and reads it anew only when somebody asks.
fn asked_for(bucket: &Bucket) -> Site {
    let mut site = Site::of(bucket);
    site.source(&bucket.url(CURRENT), "poll = 3600");
    site.publish(bucket, &table("one")).good();
    site
}

/// The place of the document of the current table.
fn document(bucket: &Bucket) -> String {
    let pointer: Value = serde_json::from_str(&bucket.text(CURRENT)).unwrap();
    format!("cdn/{}cdn-table.json", pointer["prefix"].as_str().unwrap())
}

/// That a reload is refused for all of these reasons, and "one" serves on.
#[track_caller]
fn assert_refused(instance: &Instance<'_>, said: &[&str]) {
    let outcome = instance.post("/reload");
    let text = outcome.text();
    assert_eq!(outcome.status, 409, "{text}");
    assert!(said.iter().all(|words| text.contains(words)), "{said:?}: {text}");
    assert_eq!(instance.version(), "one");
    instance.wait_warning(&["the last reload failed"]);
}

#[test]
fn a_publisher_that_breaks_off_has_published_nothing() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    let instance = site.serve_version("one");
    let (before, files) = (bucket.text(CURRENT), bucket.objects().len());
    let relay = Relay::to(bucket.host, Break::Closes);
    let mut publisher = Site::of(&bucket);
    publisher.speak_to(&Bucket { host: relay.address, ..bucket.clone() }, OPS);
    let mut halves = 0;
    for bytes in (0..).step_by(4000) {
        relay.break_after(bytes);
        let ran = publisher.publish(&bucket, &table("two"));
        if ran.code == Some(0) {
            break;
        }
        ran.bad(&["croupier: "]);
        assert_eq!(bucket.text(CURRENT), before, "after {bytes} bytes");
        halves += usize::from(bucket.objects().len() > files);
    }
    assert!(halves > 1, "it broke off before anything was uploaded");
    instance.wait_version("two");
    assert_eq!((instance.answer("198.18.0.1")["generation"].as_u64(), bucket.objects().len()), (Some(2), files + 3));
}

/// Has it publish, and kills it as soon as this holds.
#[track_caller]
fn kill(publisher: &Site, bucket: &Bucket, holds: impl FnMut() -> bool) {
    let mut command = publisher.setup.command(&["publish", "table", &bucket.url("cdn")]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("it is in the midst of it", holds);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_publisher_that_is_killed_has_published_nothing() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    let instance = site.serve_version("one");
    let before = bucket.text(CURRENT);
    let relay = Relay::to(bucket.host, Break::Stalls);
    let mut publisher = Site::of(&bucket);
    publisher.speak_to(&Bucket { host: relay.address, ..bucket.clone() }, OPS);
    publisher.write(&table("two"));
    // While it reads what is current, between files, and in the midst of them.
    assert!(prefixes().len() > 16_000);
    for bytes in [0, 2000, 6000, 12_000, 16_000] {
        relay.break_after(bytes);
        kill(&publisher, &bucket, || relay.is_broken());
        assert_eq!(bucket.text(CURRENT), before, "after {bytes} bytes");
    }
    // When all is done but to move the pointer.
    let gate = Gate::new(&format!("PUT /{}/{CURRENT}", bucket.name), 2);
    let relay = Relay::through(bucket.host, Break::Closes, &gate);
    publisher.speak_to(&Bucket { host: relay.address, ..bucket.clone() }, OPS);
    kill(&publisher, &bucket, || gate.come() == 1);
    relay.break_after(0);
    assert_eq!((bucket.text(CURRENT), bucket.objects().len()), (before, 7));
    instance.wait_looks();
    assert_eq!(instance.version(), "one");
    site.publish(&bucket, &table("two")).good();
    instance.wait_version("two");
}

#[test]
fn objects_that_are_not_what_was_published_are_refused() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = asked_for(&bucket);
    let instance = site.serve_version("one");
    site.publish(&bucket, &table("two")).good();
    let (place, good) = (document(&bucket), bucket.text(&document(&bucket)));
    let altered = good.replace("\"ttl\": 60", "\"ttl\": 61");
    assert_ne!(altered, good);
    for bad in [altered.as_str(), &good[..good.len() / 2], ""] {
        bucket.put(&place, bad);
        assert_refused(&instance, &[&sha256(bad.as_bytes()), &sha256(good.as_bytes()), "publish the table again"]);
    }
    bucket.delete(&place);
    assert_refused(&instance, &["does not exist", &bucket.url(&place)]);
    // As it says.
    let ran = site.publish(&bucket, &table("two")).good();
    assert!(ran.output.contains("already"), "{ran:?}");
    assert_eq!(bucket.text(&place), good);
    bucket.put(&place, altered);
    site.publish(&bucket, &table("two")).good();
    assert_eq!(instance.reload("table")["result"], "published");
    assert_eq!(instance.version(), "two");
    instance.wait_pass();
}

#[test]
fn what_is_mended_reaches_instances_by_itself() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = asked_for(&bucket);
    site.source(&bucket.url(CURRENT), "");
    let instance = site.serve_version("one");
    // The pointer comes with a document that is not there.
    let whole = weed.bucket();
    site.publish(&whole, &table("two")).good();
    bucket.put(CURRENT, whole.text(CURRENT));
    instance.wait_warning(&["does not exist", "the last reload failed"]);
    assert_eq!(instance.version(), "one");
    bucket.put(&document(&whole), whole.text(&document(&whole)));
    instance.wait_version("two");
    instance.wait_pass();
}

#[test]
fn bad_pointers_are_refused() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = asked_for(&bucket);
    let instance = site.serve_version("one");
    let good: Value = serde_json::from_str(&bucket.text(CURRENT)).unwrap();
    let with = |key: &str, value: Value| {
        let mut pointer = good.clone();
        pointer[key] = value;
        pointer.to_string()
    };
    let without = |key: &str| {
        let mut pointer = good.clone();
        pointer.as_object_mut().unwrap().remove(key);
        pointer.to_string()
    };
    let files = |path: &str| json!({ path: "a".repeat(64), "cdn-table.json": "a".repeat(64) });
    let whole = good.to_string();
    // What instances have is fetched by its SHA-256 and not missed: this one they do not have.
    let unknown = json!({ "cdn-table.json": "0".repeat(64) });
    let cases = [
        (with("pointer", json!(2)), "format 2"),
        (with("prefix", json!("../elsewhere/")), "`prefix` can't be"),
        (with("prefix", json!("/tables/")), "`prefix` can't be"),
        (with("prefix", json!("s3://other/tables/")), "`prefix` can't be"),
        (with("files", files("../../secret")), "no path under the prefix"),
        (with("files", json!({ "cdn-table.json": "A".repeat(64) })), "SHA-256"),
        (with("files", json!({ "cdn-table.json": good["files"]["cdn-table.json"] })), "the pointer has no such file"),
        (with("files", unknown), "the file's SHA-256 is"),
        (with("document", json!("../cdn-table.json")), "not one of `files`"),
        (with("digest", json!("../x")), "`digest` can't be"),
        (with("digest", json!("0".repeat(64))), "the table's digest is"),
        (without("prefix"), "`prefix`"),
        (without("files"), "`files`"),
        (without("document"), "`document`"),
        (without("digest"), "`digest`"),
        (without("version"), "`version`"),
        (whole[..whole.len() / 2].to_owned(), CURRENT),
        ("no JSON".to_owned(), CURRENT),
        (String::new(), CURRENT),
    ];
    for (text, said) in &cases {
        bucket.put(CURRENT, text);
        assert_refused(&instance, &[said]);
        let ran = site.run(&["check", "--table", &bucket.url(CURRENT)]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!((ran.output + &ran.errors).contains(said), "{said}");
    }
    // Nobody publishes over what may be somebody else's.
    site.publish(&bucket, &table("two")).bad(&["nothing was changed", "delete it and publish"]);
    bucket.put(CURRENT, [0xff, 0xfe]);
    assert_refused(&instance, &["not UTF-8"]);
    bucket.delete(CURRENT);
    assert_refused(&instance, &["does not exist"]);
    bucket.put(CURRENT, whole);
    assert_eq!(instance.reload("table")["result"], "unchanged");
    instance.wait_pass();
}
