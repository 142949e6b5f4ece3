//! `croupier certs inspect` beside a running service: they agree, and where they do not that is said.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use serde_json::Value;
use time::Duration as Span;

use crate::harness::{Authority, Identity, Leaf, PATIENCE, Service, Setup};
use crate::trusted::{clients, list, looker, selector};

/// How a command ended, and what it wrote.
struct Ran {
    code: Option<i32>,
    output: String,
    errors: String,
}

fn run(setup: &Setup, arguments: &[&str]) -> Ran {
    let ended = setup.command(&[&["certs", "inspect"], arguments].concat()).output().unwrap();
    let [output, errors] = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Ran { code: ended.status.code(), output, errors }
}

/// What it found, as a program reads it.
#[track_caller]
fn found(setup: &Setup, arguments: &[&str]) -> Value {
    let ran = run(setup, &[&["--format", "json"], arguments].concat());
    let found: Value = serde_json::from_str(&ran.output).unwrap_or_else(|error| panic!("{error}: {}", ran.errors));
    assert_eq!(ran.code, Some(i32::from(found["accepted"] == false)), "{found:#}");
    found
}

#[track_caller]
fn asked_as(setup: &Setup, address: SocketAddr, name: &str) -> Value {
    let [certificate, key] = ["pem", "key"].map(|kind| format!("certs/{name}.{kind}"));
    found(setup, &[&format!("localhost:{}", address.port()), "--certificate", &certificate, "--key", &key])
}

/// The steps that do not hold.
fn bad(found: &Value) -> String {
    let steps = found["steps"].as_array().unwrap().iter();
    let failed = steps.filter(|step| step["holds"] == false).map(|step| step["what"].as_str().unwrap());
    failed.collect::<Vec<_>>().join("\n")
}

/// A service with a revocation list and clients of many kinds, each with its name.
fn prepared() -> (Setup, Service, Vec<(&'static str, Identity)>) {
    let mut setup = Setup::new();
    let pki = &setup.pki;
    let leaf = || Leaf::client("media-selector-3.example");
    let late = leaf().valid(-Span::hours(2), -Span::hours(1));
    let nobody = Authority::root("Nobody");
    let identities = vec![
        ("good", selector(&setup)),
        ("prober", looker(&setup)),
        ("revoked", leaf().issued_by(&pki.media)),
        ("expired", late.issued_by(&pki.media)),
        ("early", leaf().valid(Span::hours(1), Span::hours(2)).issued_by(&pki.media)),
        ("useless", leaf().purposes(&[]).issued_by(&pki.media)),
        ("evil", leaf().issued_by(&pki.root.issuing("Test evil CA"))),
        ("namesake", leaf().issued_by(&pki.root.issuing("Test media CA"))),
        ("unknown", leaf().issued_by(&nobody.issuing("Nobody's CA"))),
        ("forged", leaf().issued_by(&nobody.issuing("Test media CA"))),
        ("misnamed", Leaf::client("x.example").issued_by(&pki.ops)),
        ("alone", leaf().issued_by(&pki.media).with(&[])),
    ];
    for (name, identity) in &identities {
        setup.write_identity(name, identity);
    }
    setup.write("certs/media.crl", list(1).revoking(&identities[2].1).pem_by(&setup.pki.media));
    setup.section("clients", &clients(&["media.crl"], "", ""));
    let service = Service::start(&setup);
    (setup, service, identities)
}

#[test]
fn what_inspect_says_of_a_client_is_what_the_service_does() {
    let (setup, service, identities) = prepared();
    for (name, identity) in &identities {
        let alert = setup.client(Some(identity)).alert(service.lookup);
        let judged = found(&setup, &[&format!("certs/{name}.pem")]);
        assert_eq!(judged["accepted"], alert.is_none(), "{name}: {alert:?}: {judged:#}");
        let asked = asked_as(&setup, service.lookup, name);
        assert_eq!(asked["accepted"], judged["accepted"], "{name}: {asked:#}");
        if let Some(alert) = alert {
            assert_eq!(asked["verdict"], judged["verdict"], "{name}");
            let told = bad(&asked);
            let spelled = told.split("its alert is `").nth(1).unwrap().split('`').next().unwrap();
            assert_eq!(spelled.replace('_', ""), format!("{alert:?}").to_lowercase(), "{name}");
            let readme = include_str!("../../README.md");
            assert!(readme.contains(&format!("| `{spelled}` |")), "{name}: {spelled} is in the README");
        }
    }
    let accepted =
        identities.iter().filter(|(name, _)| found(&setup, &[&format!("certs/{name}.pem")])["accepted"] == true);
    assert_eq!(accepted.count(), 3, "good, prober and alone");
}

#[test]
fn a_service_as_configured_is_told_so() {
    let (setup, service, _) = prepared();
    for target in [format!("localhost:{}", service.lookup.port()), service.lookup.to_string()] {
        let found = found(&setup, &[&target]);
        assert_eq!((found["accepted"].as_bool(), bad(&found).as_str()), (Some(true), ""), "{found:#}");
        let told = found["steps"].to_string();
        for words in ["certs/server.pem", "`CN=Test media CA`", "`CN=Test ops CA`", "`certificate_required`"] {
            assert!(told.contains(words), "{words}: {found:#}");
        }
        assert_eq!(found["certificates"][0]["subject"], "CN=localhost");
    }
    let ran = run(&setup, &[&service.lookup.to_string(), "--certificate", "certs/good.pem"]);
    assert_eq!(ran.code, Some(2), "a certificate without its key");
    let target = service.lookup.to_string();
    let ran = run(&setup, &[&target, "--certificate", "certs/good.pem", "--key", "certs/evil.key"]);
    assert!(ran.code == Some(1) && ran.errors.contains("unusable"), "{}", ran.errors);
}

#[test]
fn a_service_that_runs_on_other_files_is_found_out() {
    let (mut setup, service, _) = prepared();
    let target = service.lookup.to_string();
    let configured = |setup: &Setup| std::fs::read_to_string(setup.path("croupier.toml")).unwrap();

    // Another certificate.
    setup.write_identity("other", &Leaf::server().issued_by(&setup.pki.ops));
    setup.write("other.toml", configured(&setup).replace("certs/server.", "certs/other."));
    let judged = found(&setup, &[&target, "--config", "other.toml"]);
    assert!(
        judged["verdict"].as_str().unwrap().contains("another certificate than that of certs/other.pem"),
        "{judged:#}"
    );
    assert_eq!(bad(&judged).lines().count(), 1, "{judged:#}");

    // An issuer that it does not know yet: what the reload has not taken.
    let fresh = setup.pki.root.issuing("Test fresh CA");
    setup.write("certs/fresh-ca.pem", fresh.pem());
    setup.write_identity("fresh", &Leaf::client("a.example").issued_by(&fresh));
    let entry = "[[clients.allow]]\nissuer = \"certs/fresh-ca.pem\"\nrole = \"lookup\"\n";
    setup.section("clients", &(clients(&["media.crl"], "", "") + entry));
    let judged = found(&setup, &[&target]);
    assert!(bad(&judged).contains("`CN=Test fresh CA`"), "{judged:#}");
    let judged = asked_as(&setup, service.lookup, "fresh");
    assert!(bad(&judged).contains("by the files, this client is let in"), "{judged:#}");
    assert!(judged["help"].as_str().unwrap().contains("/health"), "{judged:#}");
}

#[test]
fn who_is_no_service_is_told_apart() {
    let (setup, service, _) = prepared();
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener().local_addr().unwrap().to_string();
    let closing = listener();
    let closing_at = closing.local_addr().unwrap().to_string();
    std::thread::spawn(move || closing.incoming().for_each(drop));
    let health = service.health.to_string();
    for (target, told) in [
        (&free, "can't connect: Connection refused"),
        (&"[::1]:1".to_owned(), "can't connect: "),
        (&health, "the health port, which speaks plain HTTP"),
        (&closing_at, "it shows no certificate; "),
    ] {
        let ran = run(&setup, &[target]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{target}");
        assert!(ran.errors.starts_with(&format!("{target}: error: ")) && ran.errors.contains(told), "{}", ran.errors);
    }
}

/// One says nothing; the other announces a long TLS record and sends a byte of it a second.
#[test]
fn who_keeps_it_waiting_does_not_for_long() {
    let setup = Setup::new();
    std::thread::scope(|scope| {
        for trickles in [false, true] {
            let setup = &setup;
            scope.spawn(move || {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let target = listener.local_addr().unwrap().to_string();
                std::thread::spawn(move || {
                    let mut stream = listener.accept().unwrap().0;
                    let mut sent = if trickles { stream.write_all(&[22, 3, 3, 0x20, 0]) } else { Ok(()) };
                    while sent.is_ok() {
                        std::thread::sleep(Duration::from_secs(1));
                        sent = if trickles { stream.write_all(&[2]) } else { Ok(()) };
                    }
                });
                let begun = Instant::now();
                let ran = run(setup, &[&target]);
                assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
                assert!(ran.code == Some(1) && ran.errors.contains("not answered within 5 seconds"), "{}", ran.errors);
            });
        }
    });
}
