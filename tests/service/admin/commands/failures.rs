//! Who is not let in, and who is not the service: each told apart, in words that say what to do.

use std::net::TcpListener;
use std::time::Instant;

use rcgen::SanType;
use time::Duration as Span;

use super::canned::Canned;
use super::{Administered, Ran, run, run_as};
use crate::harness::{Authority, Leaf, PATIENCE, Setup, wait_until};
use crate::trusted::{list, looker};

#[track_caller]
fn assert_told(ran: &Ran, address: &str, parts: &[&str]) {
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.errors.starts_with(&format!("{address}: error: ")), "{ran:?}");
    for part in parts {
        assert!(ran.errors.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn clients_that_are_not_let_in_are_told_why() {
    let administered = Administered::new();
    let setup = &administered.served.setup;
    let leaf = || Leaf::client("ops-1.example");
    let revoked = leaf().issued_by(&setup.pki.ops);
    let cases = [
        ("evil", leaf().issued_by(&setup.pki.root.issuing("Test evil CA")), "`access_denied`"),
        ("unknown", leaf().issued_by(&Authority::root("Nobody")), "`unknown_ca`"),
        ("misnamed", Leaf::client("x.example").issued_by(&setup.pki.ops), "`access_denied`"),
        ("expired", leaf().valid(-Span::hours(2), -Span::hours(1)).issued_by(&setup.pki.ops), "`certificate_expired`"),
        ("useless", leaf().purposes(&[]).issued_by(&setup.pki.ops), "`unsupported_certificate`"),
        ("revoked", revoked, "`certificate_revoked`"),
    ];
    administered.served.published(|served| {
        served.setup.replace("certs/ops.crl", list(2).revoking(&cases[5].1).pem_by(&served.setup.pki.ops));
    });
    let address = administered.address();
    for (name, identity, alert) in &cases {
        setup.write_identity(name, identity);
        for command in [&["reload"][..], &["explain", "192.0.2.1"]] {
            let ran = run_as(setup, name, &address, command);
            assert_told(&ran, &address, &[&format!("certs/{name}.pem"), alert, "croupier certs inspect"]);
        }
    }
}

#[test]
fn another_role_and_another_listener_are_told() {
    let administered = Administered::new();
    let setup = &administered.served.setup;
    setup.write_identity("selector", &setup.selector);
    setup.write_identity("prober", &looker(setup));
    let address = administered.address();
    for name in ["selector", "prober"] {
        let ran = run_as(setup, name, &address, &["reload"]);
        assert_told(&ran, &address, &["the service refuses: ", "role `admin`", "[[clients.allow]]"]);
    }
    setup.write_identity("ops-1", &administered.admin);
    let lookup = administered.served.service.lookup.to_string();
    assert_told(&run_as(setup, "ops-1", &lookup, &["reload"]), &lookup, &["the lookup listener"]);
    let health = administered.served.service.health.to_string();
    assert_told(&run_as(setup, "ops-1", &health, &["reload"]), &health, &["the health port", "[listen] admin"]);
}

#[test]
fn a_service_on_the_way_out_is_told() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 60\ndeadline = 120");
    let administered = Administered::on(setup);
    administered.served.service.signal("TERM");
    wait_until("it drains", || administered.served.service.health().0 == 503);
    let ran = administered.run(&["reload"]);
    assert_told(&ran, &administered.address(), &["the service is draining"]);
}

#[test]
fn servers_that_are_not_trusted_are_told_apart() {
    let setup = Setup::new();
    let pki = &setup.pki;
    setup.write_identity("ops-1", &Leaf::client("ops-1.example").issued_by(&pki.ops));
    let late = Leaf::server().valid(-Span::hours(2), -Span::hours(1));
    let elsewhere = Leaf::server().change(|parameters| {
        parameters.subject_alt_names = vec![SanType::DnsName("elsewhere.example".try_into().unwrap())];
    });
    let not_ours = "its certificate does not chain to a CA in certs/root.pem";
    for (identity, said) in [
        (Leaf::server().issued_by(&Authority::root("Nobody")), not_ours),
        (Leaf::server().issued_by(&Authority::root("Test root")), not_ours),
        (late.issued_by(&pki.ops), "its certificate has expired"),
        (elsewhere.issued_by(&pki.ops), "its certificate is not for this host but for "),
    ] {
        let canned = Canned::new(&identity, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec());
        let ran = run_as(&setup, "ops-1", &canned.address, &["reload"]);
        assert_told(&ran, &canned.address, &[said, "help: "]);
    }
    let canned =
        Canned::new(&Leaf::server().issued_by(&pki.ops), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec());
    let port = canned.address.rsplit(':').next().unwrap();
    let ran = run_as(&setup, "ops-1", &format!("localhost:{port}"), &["reload"]);
    assert_eq!(ran.code, Some(0), "by name as by address: {ran:?}");
}

#[test]
fn nobody_there_is_told() {
    let setup = Setup::new();
    setup.write_identity("ops-1", &Leaf::client("ops-1.example").issued_by(&setup.pki.ops));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for command in [&["reload"][..], &["rollback"], &["history"], &["status"], &["explain", "192.0.2.1"]] {
        let ran = run_as(&setup, "ops-1", &free, command);
        assert_told(&ran, &free, &["can't connect: ", "is the service running", "[listen] admin"]);
    }
    for address in ["localhost", "::1", "[::1]", "localhost:x", "localhost:65536", "a b:1", ""] {
        let ran = run_as(&setup, "ops-1", address, &["reload"]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(2), ""), "{address}: {ran:?}");
    }
    let ran = run(&setup, &["reload", "--dev"]);
    assert!(ran.code == Some(1) && ran.errors.contains("`croupier serve --dev` makes"), "{ran:?}");
    let ran = run(&setup, &["reload", "--dev", "--ca", "certs/root.pem"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    setup.write("certs/empty.pem", "");
    for (certificate, key, ca, file) in [
        ("certs/empty.pem", "certs/ops-1.key", "certs/root.pem", "certs/empty.pem"),
        ("certs/ops-1.pem", "certs/empty.pem", "certs/root.pem", "certs/empty.pem"),
        ("certs/ops-1.pem", "certs/ops-1.key", "certs/empty.pem", "certs/empty.pem"),
        ("certs/ops-1.pem", "certs/server.key", "certs/root.pem", "certs/ops-1.pem"),
    ] {
        let ran = run(&setup, &["reload", "--certificate", certificate, "--key", key, "--ca", ca]);
        assert_told(&ran, file, &[]);
    }
}

/// One does not shake hands; one does, and does not answer.
#[test]
fn who_says_nothing_is_not_waited_for_for_long() {
    let setup = Setup::new();
    setup.write_identity("ops-1", &Leaf::client("ops-1.example").issued_by(&setup.pki.ops));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let stuck = Canned::answering(&Leaf::server().issued_by(&setup.pki.ops), |_| std::thread::sleep(2 * PATIENCE));
    let silent_at = silent.local_addr().unwrap().to_string();
    std::thread::scope(|scope| {
        for (address, command, said) in [
            (&silent_at, &["reload"][..], "it has not shaken hands within 10 seconds"),
            (&stuck.address, &["explain", "192.0.2.1"], "it has not answered within 10 seconds"),
        ] {
            let setup = &setup;
            scope.spawn(move || {
                let begun = Instant::now();
                let ran = run_as(setup, "ops-1", address, command);
                assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
                assert_told(&ran, address, &[said]);
            });
        }
    });
}
