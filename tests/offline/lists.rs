//! `croupier certs crl`: what a revocation list says, and whether it would be taken.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;
use time::Duration;

use crate::pki::{Authority, Crl, Leaf};
use crate::program::{Folder, Ran};
use crate::trust::Trust;

#[track_caller]
fn shown(folder: &Folder, name: &str) -> Value {
    let ran = folder.run(&["certs", "crl", name, "--format", "json"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    serde_json::from_str(&ran.output).unwrap()
}

#[test]
fn a_list_is_shown_whether_pem_or_der() {
    let trust = Trust::new();
    let client = Leaf::client("a.example").issued_by(&trust.pki.media);
    let list = Crl::new().number(17).revoking(&client).signed_by(&trust.pki.media);
    trust.folder.write("a.pem", list.pem().unwrap()).write("a.der", list.der());
    let both = ["a.pem", "a.der"].map(|name| {
        let ran = trust.folder.run(&["certs", "crl", name]);
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
        for told in ["issuer  CN=Test media CA\n", "number  17\n", "revokes 1 certificate\n", "KeyCompromise\n"] {
            assert!(ran.output.contains(told), "{told}: {ran:?}");
        }
        assert!(!ran.output.contains("RUN OUT"), "{ran:?}");
        let shown = shown(&trust.folder, name);
        assert_eq!((&shown[0]["number"], &shown[0]["expired"]), (&"17".into(), &false.into()), "{shown}");
        (ran.output, shown)
    });
    assert_eq!(both[0], both[1]);
    let entry = &both[0].1[0]["revoked"][0];
    assert_eq!(entry["reason"], "KeyCompromise");
    trust.folder.write("client.pem", client.chain_pem());
    let inspected = trust.folder.run(&["certs", "inspect", "client.pem"]).output;
    assert!(inspected.contains(entry["serial"].as_str().unwrap()), "serial numbers are written alike: {inspected}");
}

#[test]
fn two_lists_and_one_that_has_run_out() {
    let trust = Trust::new();
    let late = Crl::new().valid(-Duration::hours(2), -Duration::hours(1)).pem_by(&trust.pki.ops);
    trust.folder.write("two.pem", Crl::new().pem_by(&trust.pki.media) + &late);
    let shown = shown(&trust.folder, "two.pem");
    let expired: Vec<&Value> = shown.as_array().unwrap().iter().map(|list| &list["expired"]).collect();
    assert_eq!(expired, [false, true]);
    assert_eq!(shown[1]["issuer"], "CN=Test ops CA");
    let ran = trust.folder.run(&["certs", "crl", "two.pem"]);
    assert_eq!(ran.output.matches("HAS RUN OUT").count(), 1, "{ran:?}");
    assert_eq!(ran.output.matches("revokes 0 certificates").count(), 2, "{ran:?}");
}

#[test]
fn what_is_no_list_is_told_with_its_name() {
    let trust = Trust::new();
    let der = Crl::new().signed_by(&trust.pki.media).der().to_vec();
    trust.folder.write("garbage", [0xff; 99]).write("empty", "").write("cut.der", &der[..der.len() - 1]);
    for (name, told) in [
        ("garbage", "no revocation list in it"),
        ("empty", "no revocation list in it"),
        ("cut.der", "not a well-formed"),
        ("media-ca.pem", "BEGIN X509 CRL"),
        ("missing", "does not exist"),
        (".", "not a regular file"),
    ] {
        for format in ["text", "json"] {
            let ran = trust.folder.run(&["certs", "crl", name, "--format", format]);
            assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{name}: {ran:?}");
            assert!(ran.errors.starts_with(&format!("{name}: error: ")) && ran.errors.contains(told), "{ran:?}");
        }
    }
}

#[test]
fn whether_a_list_would_be_taken_is_told() {
    let trust = Trust::new();
    trust.configure(&["not-there-yet.crl"], "crl = \"required\"");
    let judged = |name: &str, pem: String| -> Ran {
        trust.folder.write(name, pem);
        trust.folder.run(&["certs", "crl", name, "--config", "croupier.toml"])
    };
    let ran = judged("good.crl", Crl::new().pem_by(&trust.pki.media));
    assert!(ran.code == Some(0) && ran.errors.contains("good.crl: would be taken"), "{ran:?}");
    let ran = judged("ops.crl", Crl::new().pem_by(&trust.pki.ops));
    assert_eq!(ran.code, Some(0), "another CA's list is not missed: {ran:?}");
    let ran = judged("forged.crl", Crl::new().pem_by(&Authority::root("Test media CA")));
    assert!(ran.code == Some(1) && ran.errors.contains("did not sign it"), "{ran:?}");
    assert!(ran.errors.contains("forged.crl: would not be taken") && ran.output.contains("issuer"), "{ran:?}");
    let late = Crl::new().valid(-Duration::hours(2), -Duration::hours(1));
    let ran = judged("late.crl", late.pem_by(&trust.pki.media));
    assert!(ran.code == Some(0) && ran.told().contains("late.crl: warning: "), "{ran:?}");
    let ran = trust.folder.run(&["certs", "crl", "good.crl", "--config", "missing.toml"]);
    assert!(ran.code == Some(1) && ran.told().contains("missing.toml: error: "), "{ran:?}");
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let trust = Trust::new();
    let long = Crl::new().revoking_serials(1..100_001).signed_by(&trust.pki.media);
    trust.folder.write("long.der", long.der());
    for format in ["text", "json"] {
        let mut command = trust.folder.croupier(&["certs", "crl", "long.der", "--format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let status = child.wait().unwrap();
        assert!(status.code().is_some(), "{status}");
        assert_eq!(errors, "", "{format}");
    }
    assert_eq!(shown(&trust.folder, "long.der")[0]["revoked"].as_array().unwrap().len(), 100_000);
}
