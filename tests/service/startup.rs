//! What must not start doesn't: exit code 1, every problem told with its file, nothing listening.

use std::fs;
use std::net::TcpListener;

use crate::harness::{Authority, Ended, Leaf, Service, Setup, refused_start, table};

/// Checks that it doesn't start, and that each of these is named.
#[track_caller]
fn assert_refused(setup: &Setup, of: &str, named: &[&str]) -> Ended {
    let ended = refused_start(setup);
    assert_eq!(ended.code, Some(1), "{of}: {}", ended.errors);
    assert!(!ended.output.contains("listening"), "{of}: {}", ended.output);
    for part in named {
        assert!(ended.errors.contains(part), "{of} does not name {part}: {}", ended.errors);
    }
    // The check says the same, and it, too, is exit 1.
    let checked = setup.command(&["check", "--config", "croupier.toml"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(1), "{of}: check");
    ended
}

#[test]
fn damaged_certificate_files_are_refused() {
    let setup = Setup::new();
    let (root, media) = (setup.pki.root.pem(), setup.pki.media.pem());
    let chain = fs::read_to_string(setup.path("certs/server.pem")).unwrap();
    let one_block = media.trim_end();
    for (of, bytes) in [
        ("empty", String::new()),
        ("no block", "there is nothing here\n".to_owned()),
        ("a byte order mark", format!("\u{feff}{media}")),
        ("a byte order mark before one of two", format!("\u{feff}{media}{root}")),
        ("no newline between blocks", format!("{one_block}{one_block}\n")),
        ("indented", media.replace("-----BEGIN", "  -----BEGIN")),
        ("a trusted certificate", media.replace(" CERTIFICATE", " TRUSTED CERTIFICATE")),
        ("one good, one trusted certificate", root.clone() + &media.replace(" CERTIFICATE", " TRUSTED CERTIFICATE")),
        ("cut short", media[..media.len() / 2].to_owned()),
        ("not base64", media.replace("MII", "M!I")),
        ("not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
        ("a key", Leaf::server().issued_by(&setup.pki.ops).key_pem()),
    ] {
        for (file, good) in [("certs/root.pem", &root), ("certs/media-ca.pem", &media), ("certs/server.pem", &chain)] {
            setup.write(file, &bytes);
            assert_refused(&setup, &format!("{of} in {file}"), &[file]);
            setup.write(file, good);
        }
    }
    drop(Service::start(&setup));
}

#[test]
fn a_bundle_is_no_issuer() {
    let setup = Setup::new();
    setup.write("certs/media-ca.pem", setup.pki.media.pem() + &setup.pki.ops.pem());
    assert_refused(&setup, "two issuers", &["certs/media-ca.pem"]);
}

#[test]
fn missing_and_mismatched_files_are_refused() {
    let setup = Setup::new();
    for file in ["root.pem", "media-ca.pem", "ops-ca.pem", "server.pem", "server.key", "probe.pem", "probe.key"] {
        let (path, file) = (setup.path(&format!("certs/{file}")), format!("certs/{file}"));
        let good = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_refused(&setup, "missing", &[&file]);
        setup.write(&file, good);
    }
    let another = Leaf::server().issued_by(&setup.pki.ops);
    let good = fs::read(setup.path("certs/server.key")).unwrap();
    setup.write("certs/server.key", another.key_pem());
    assert_refused(&setup, "another's key", &["certs/server.key", "certs/server.pem"]);
    setup.write("certs/server.key", "no key\n");
    assert_refused(&setup, "no key", &["certs/server.key"]);
    setup.write("certs/server.key", good);
    drop(Service::start(&setup));
}

#[test]
fn certificates_of_the_wrong_kind_are_refused() {
    let hour = time::Duration::hours(1);
    let setup = Setup::new();
    let good = Leaf::server().issued_by(&setup.pki.ops);
    for (of, leaf) in
        [("expired", Leaf::server().valid(-hour * 2, -hour)), ("not yet", Leaf::server().valid(hour, hour * 2))]
    {
        setup.write_identity("server", &leaf.issued_by(&setup.pki.ops));
        assert_refused(&setup, of, &["certs/server.pem"]);
    }
    setup.write_identity("server", &good);
    let stranger = Authority::root("A stranger's root");
    for (of, probe) in [
        ("a stranger as the probe", Leaf::client("probe.example").issued_by(&stranger)),
        ("an admin as the probe", Leaf::client("ops-1.example").issued_by(&setup.pki.ops)),
        ("an expired probe", Leaf::client("probe.example").valid(-hour * 2, -hour).issued_by(&setup.pki.ops)),
    ] {
        setup.write_identity("probe", &probe);
        assert_refused(&setup, of, &["certs/probe.pem"]);
    }
}

#[test]
fn half_an_identity_for_the_probe_is_refused() {
    let mut setup = Setup::new();
    for half in ["certificate = \"certs/probe.pem\"", "key = \"certs/probe.key\""] {
        setup.section("health", half);
        assert_refused(&setup, half, &["certificate", "key"]);
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let mut setup = Setup::new();
    fs::remove_file(setup.path("certs/server.key")).unwrap();
    setup.write("certs/root.pem", "");
    setup.write("certs/ops-ca.pem", "\u{feff}".to_owned() + &setup.pki.ops.pem());
    let mut bad = table();
    bad["mixes"]["world"]["delta"] = 1.into();
    bad["footprints"][0]["footprint-value"][0] = "198.18.0.1/15".into();
    setup.write_table(&bad);
    setup.section("health", "");
    let named = [
        "certs/server.key",
        "certs/root.pem",
        "certs/ops-ca.pem",
        "table.json:",
        "delta",
        "198.18.0.1/15",
        "198.18.0.0/15",
    ];
    assert_refused(&setup, "five problems", &named);
}

#[test]
fn a_bad_configuration_is_told_with_its_places() {
    let mut setup = Setup::new();
    setup.section("limits", "handshake = -1").section("connections", "idel = 2").section("drian", "wait = 1");
    assert_refused(&setup, "slips", &["croupier.toml:", "handshake", "`idel`", "`idle`", "`drian`", "`drain`"]);
    let mut setup = Setup::new();
    setup.section("tls", "");
    assert_refused(&setup, "a section missing", &["croupier.toml", "tls"]);
    setup.write("croupier.toml", "[listen\n");
    assert_refused(&setup, "no TOML", &["croupier.toml:1:"]);
    fs::remove_file(setup.path("croupier.toml")).unwrap();
    assert_refused(&setup, "no file", &["croupier.toml"]);
}

#[test]
fn every_slip_within_one_section_is_told() {
    let mut setup = Setup::new();
    setup.section("limits", "handshake = -1\nheader = \"soon\"\nwriet = 2");
    assert_refused(&setup, "three slips", &["handshake", "header", "`wriet`"]);
}

#[test]
fn a_bad_table_is_refused() {
    let setup = Setup::new();
    for (of, bytes) in [("empty", ""), ("cut short", "{\"version\": \"1\""), ("not JSON", "version: 1\n")] {
        setup.write("table.json", bytes);
        assert_refused(&setup, of, &["table.json"]);
    }
    let mut failing = table();
    failing["canaries"][0]["mix"] = "solo".into();
    setup.write_table(&failing);
    assert_refused(&setup, "a failing canary", &["table.json", "198.18.0."]);
    fs::remove_file(setup.path("table.json")).unwrap();
    assert_refused(&setup, "missing", &["table.json"]);
}

#[test]
fn revocation_that_can_not_be_done_is_not_promised() {
    let mut setup = Setup::new();
    setup.write("certs/media-ca.crl", "");
    setup.section(
        "clients",
        "ca = [\"certs/root.pem\"]\ncrls = [\"certs/media-ca.crl\"]\n\
         [[clients.allow]]\nissuer = \"certs/media-ca.pem\"\nrole = \"lookup\"\n",
    );
    setup.section("health", "");
    assert_refused(&setup, "CRLs", &["certs/media-ca.crl"]);
}

#[test]
fn nobody_to_let_in_is_refused() {
    let mut setup = Setup::new();
    setup.section("health", "").section("clients", "ca = [\"certs/root.pem\"]\nallow = []");
    assert_refused(&setup, "no allow", &["allow"]);
    setup.section("clients", "ca = []\n[[clients.allow]]\nissuer = \"certs/media-ca.pem\"\nrole = \"lookup\"\n");
    assert_refused(&setup, "no ca", &["ca"]);
}

#[test]
fn a_busy_port_is_named() {
    for listener in ["lookup", "health"] {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mut setup = Setup::new();
        let other = if listener == "lookup" { "health" } else { "lookup" };
        setup.section("listen", &format!("{listener} = \"{address}\"\n{other} = \"127.0.0.1:0\""));
        let ended = refused_start(&setup);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(!ended.output.contains("listening"), "{ended:?}");
        assert!(ended.errors.contains(&address), "{ended:?}");
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let mut setup = Setup::new();
    setup.section("listen", "lookup = \"192.0.2.1:1\"\nhealth = \"127.0.0.1:0\"");
    setup.environment("CROUPIER_LISTEN_LOOKUP", "127.0.0.1:0").environment("CROUPIER_LISTEN_LOKUP", "x");
    let service = Service::start(&setup);
    assert!(service.lookup.ip().is_loopback());
    assert!(service.errors().contains("CROUPIER_LISTEN_LOKUP"), "a slip is warned about");
}
