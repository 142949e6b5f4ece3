//! `croupier certs inspect` on files: accepted or refused, and each step that does not hold.

use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::pki::{Authority, Crl, Identity, Leaf};
use crate::program::{Folder, each};
use crate::trust::Trust;

/// What it found, which must agree with itself, with the exit code and with the text.
#[track_caller]
fn inspected(folder: &Folder, arguments: &[&str]) -> Value {
    let ran = folder.run(&[&["certs", "inspect", "--format", "json"], arguments].concat());
    let found: Value = serde_json::from_str(&ran.output).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let accepted = found["accepted"].as_bool().unwrap();
    assert_eq!(ran.code, Some(i32::from(!accepted)), "{ran:?}");
    assert_eq!(accepted, bad(&found).is_empty(), "{found:#}");
    assert_eq!(accepted, found.get("help").is_none(), "{found:#}");
    let text = folder.run(&[&["certs", "inspect"], arguments].concat());
    assert_eq!((text.code, &text.errors), (ran.code, &ran.errors), "{text:?}");
    let verdict = found["verdict"].as_str().unwrap();
    assert!(text.output.lines().any(|line| line == verdict), "{verdict}: {text:?}");
    for step in found["steps"].as_array().unwrap() {
        let marked = if step["holds"].as_bool().unwrap() { "ok   " } else { "BAD  " };
        let line = format!("{marked}{}", step["what"].as_str().unwrap());
        assert!(text.output.lines().any(|told| told == line), "{line}: {text:?}");
    }
    found
}

/// The steps that do not hold.
fn bad(found: &Value) -> Vec<&str> {
    let steps = found["steps"].as_array().unwrap();
    assert!(!steps.is_empty(), "{found:#}");
    let failed = steps.iter().filter(|step| !step["holds"].as_bool().unwrap());
    failed.map(|step| step["what"].as_str().unwrap()).collect()
}

#[test]
fn the_development_certificates_are_judged_as_promised() {
    let folder = Folder::new();
    croupier::trust::development::make(&folder.path("certs/dev"), OffsetDateTime::now_utc()).unwrap();
    let cases: [(&str, &str, &[&str]); 7] = [
        ("client", "accepted as media-selector-1.example, with the role `lookup`", &[]),
        ("ops", "accepted as ops-1.example, with the role `admin`", &[]),
        ("probe", "accepted as probe.example, with the role `probe`", &[]),
        ("revoked", "refused (revoked): ", &["`CN=media-selector-9` is revoked by `CN=Croupier development media CA`"]),
        ("evil", "refused (issuer_not_allowed): ", &["`CN=Croupier development evil CA` has no [[clients.allow]]"]),
        ("server", "refused (usage): ", &["lacks clientAuth", "none of its names (DNS:localhost, "]),
        ("root", "refused (path): ", &["lacks clientAuth", "lacks digitalSignature", "it is a CA's own certificate"]),
    ];
    each(cases, |(name, verdict, steps)| {
        let found = inspected(&folder, &["--dev", &format!("certs/dev/{name}.pem")]);
        assert!(found["verdict"].as_str().unwrap().starts_with(verdict), "{found:#}");
        let bad = bad(&found);
        assert_eq!(bad.len(), steps.len(), "{bad:?}");
        assert!(bad.iter().zip(steps).all(|(told, words)| told.contains(words)), "{bad:?}");
        let certificates = found["certificates"].as_array().unwrap();
        assert_eq!(certificates.len(), if name == "root" { 1 } else { 2 });
        for certificate in certificates {
            for key in ["subject", "issuer", "serial", "not_before", "not_after"] {
                assert!(certificate[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {found:#}");
            }
            assert_eq!(certificate["fingerprint"].as_str().unwrap().len(), 64);
            assert!(certificate["names"].is_array(), "{found:#}");
        }
        assert_eq!(certificates[0]["is_ca"], name == "root");
    });
}

/// A client, the reason why it is refused, and words of the first step that does not hold.
type Odd = (fn(&Trust) -> Identity, &'static str, &'static str);

fn selector() -> Leaf {
    Leaf::client("media-selector-1.example")
}

const ODD: [Odd; 10] = [
    (
        |trust| selector().valid(-Duration::hours(2), -Duration::hours(1)).issued_by(&trust.pki.media),
        "expired",
        "the certificate has expired: it was valid to ",
    ),
    (
        |trust| selector().valid(Duration::hours(1), Duration::hours(2)).issued_by(&trust.pki.media),
        "not_yet_valid",
        "the certificate is not yet valid",
    ),
    (|trust| selector().purposes(&[]).issued_by(&trust.pki.media), "usage", "lacks clientAuth"),
    (
        |trust| selector().purposes(&[ExtendedKeyUsagePurpose::ServerAuth]).issued_by(&trust.pki.media),
        "usage",
        "lacks clientAuth",
    ),
    (
        |trust| selector().usages(&[KeyUsagePurpose::KeyAgreement]).issued_by(&trust.pki.media),
        "usage",
        "lacks digitalSignature",
    ),
    (
        |_| selector().issued_by(&Authority::root("Nobody").issuing("Test media CA")),
        "path",
        "a signature does not verify: it is damaged, or by another key under the issuer's name",
    ),
    (
        |_| selector().issued_by(&Authority::root("Nobody").issuing("Nobody's CA")),
        "unknown_issuer",
        "no path leads to a root of `clients.ca`",
    ),
    (
        |trust| selector().issued_by(&trust.pki.root.issuing("Test media CA")),
        "issuer_not_allowed",
        "compared by name and public key",
    ),
    (
        |trust| Leaf::client("x.example").issued_by(&trust.pki.ops),
        "name_not_allowed",
        "none of its names (DNS:x.example) matches a `san` of its issuer's entries: `ops-*.example`, `probe.example`",
    ),
    (
        |trust| {
            let purposes = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let narrow = trust.pki.root.below("Narrow CA", |parameters| parameters.extended_key_usages = purposes);
            selector().issued_by(&narrow)
        },
        "usage",
        "not for client authentication",
    ),
];

#[test]
fn what_is_wrong_with_a_client_is_told() {
    each(ODD, |(make, reason, words)| {
        let trust = Trust::new();
        trust.folder.write("client.pem", make(&trust).chain_pem());
        let found = inspected(&trust.folder, &["client.pem"]);
        assert!(found["verdict"].as_str().unwrap().starts_with(&format!("refused ({reason}): ")), "{found:#}");
        assert!(bad(&found)[0].contains(words), "{words}: {found:#}");
    });
}

#[test]
fn lists_that_have_run_out_refuse_unless_they_are_optional() {
    let trust = Trust::new();
    trust.folder.write("client.pem", selector().issued_by(&trust.pki.media).chain_pem());
    trust.folder.write("late.crl", Crl::new().valid(-Duration::hours(2), -Duration::hours(1)).pem_by(&trust.pki.media));
    trust.configure(&["late.crl"], "");
    let found = inspected(&trust.folder, &["client.pem"]);
    assert!(found["verdict"].as_str().unwrap().starts_with("refused (crl_expired): "), "{found:#}");
    assert!(bad(&found)[0].contains("the revocation list of `CN=Test media CA` ran out at "), "{found:#}");
    trust.configure(&["late.crl"], "crl = \"optional\"");
    let ran = trust.folder.run(&["certs", "inspect", "client.pem"]);
    assert!(ran.code == Some(0) && ran.output.contains("\naccepted as media-selector-1.example"), "{ran:?}");
}

#[test]
fn what_can_not_be_looked_at_is_told() {
    let trust = Trust::new();
    let der = selector().issued_by(&trust.pki.media).chain[0].to_vec();
    trust.folder.write("garbage.pem", [0xff; 300]).write("client.der", &der).write("empty.pem", "");
    std::fs::create_dir(trust.folder.path("directory")).unwrap();
    for (target, told) in [
        ("garbage.pem", "no certificate in it"),
        ("client.der", "BEGIN CERTIFICATE"),
        ("empty.pem", "no certificate in it"),
        ("server.key", "no certificate in it"),
        ("directory", "not a regular file"),
        ("missing.pem", "neither a file that exists nor HOST:PORT"),
        ("localhost", "nor HOST:PORT"),
        ("localhost:http", "the port must be a number"),
        ("localhost:65536", "the port must be a number"),
        ("[::1]", "[ADDRESS]:PORT"),
        ("::1", "[ADDRESS]:PORT"),
        ("a b:1", "no name of a host"),
    ] {
        let ran = trust.folder.run(&["certs", "inspect", target]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{target}: {ran:?}");
        assert!(ran.errors.starts_with(&format!("{target}: error: ")) && ran.errors.contains(told), "{ran:?}");
    }
    trust.folder.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let found = inspected(&trust.folder, &["broken.pem"]);
    assert!(found["verdict"].as_str().unwrap().starts_with("refused (malformed): "), "{found:#}");
}

#[test]
fn without_anything_to_judge_by_it_says_how_to_go_on() {
    let folder = Folder::new();
    let ran = folder.run(&["certs", "inspect", "client.pem"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    for told in ["croupier.toml: error: ", "--config FILE", "--dev"] {
        assert!(ran.told().contains(told), "{told}: {ran:?}");
    }
    let ran = folder.run(&["certs", "inspect", "client.pem", "--dev"]);
    assert!(ran.code == Some(1) && ran.told().contains("certs/dev/root.pem: error: "), "{ran:?}");
    assert!(ran.errors.contains("croupier certs dev"), "{ran:?}");
    let told = ran.told();
    let lines: std::collections::BTreeSet<&str> = told.lines().collect();
    assert_eq!(lines.len(), told.lines().count(), "each is told once: {ran:?}");
    let ran = folder.run(&["certs", "inspect", "client.pem", "--dev", "--config", "croupier.toml"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn problems_of_the_configuration_are_told_with_their_files() {
    let trust = Trust::new();
    trust.folder.write("client.pem", selector().issued_by(&trust.pki.media).chain_pem());
    trust.folder.write("root.pem", "?");
    trust.configure(&["missing.crl"], "");
    let ran = trust.folder.run(&["certs", "inspect", "client.pem"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    for told in ["root.pem: error: no certificate", "missing.crl: error: the file does not exist"] {
        assert!(ran.told().contains(told), "{told}: {ran:?}");
    }
    trust.folder.write("croupier.toml", "[clients]\nca = 7\n");
    let ran = trust.folder.run(&["certs", "inspect", "client.pem"]);
    assert!(ran.code == Some(1) && ran.errors.contains("croupier.toml:2:"), "{ran:?}");
}
