//! Revocation lists and certificates that run out while the service runs, or have before it starts.

use std::time::Instant;

use rustls::AlertDescription::{CertificateRevoked, CertificateUnknown};
use rustls::HandshakeKind;
use time::Duration;

use crate::harness::{Connection, Identity, Leaf, PATIENCE, Setup, wait_until};
use crate::trusted::{TARGET, Trusted, clients, list, looker, selector, wait_past};

/// Time for a reload, and no more.
const SHORT_LIFE: Duration = Duration::seconds(6);

const LIST: &str = "certs/media.crl";

fn start(top: &str, media: &str) -> Trusted {
    let mut setup = Setup::new();
    setup.write(LIST, list(1).pem_by(&setup.pki.media));
    setup.section("clients", &clients(&["media.crl"], top, media));
    Trusted::start(setup)
}

/// Puts a list into service that runs out soon, and says from when that counts.
fn shorten(served: &Trusted, number: u64) -> Instant {
    let begun = Instant::now();
    let short = list(number).valid(-Duration::hours(1), SHORT_LIFE).pem_by(&served.setup.pki.media);
    served.published(|served| {
        served.setup.replace(LIST, short);
        served.hang_up();
    });
    begun
}

fn prolong(served: &Trusted, number: u64) {
    let fresh = list(number).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace(LIST, fresh));
}

#[test]
fn when_a_list_runs_out_its_issuers_clients_are_refused_until_there_is_another() {
    let served = start("", "");
    let (selector, looker) = (served.setup.selector.clone(), looker(&served.setup));
    let client = served.client(&selector);
    let mut open = client.connect(served.service.lookup).unwrap();
    let mut of_ops = served.connect(&looker);
    for connection in [&mut open, &mut of_ops] {
        assert_eq!(connection.get(TARGET).unwrap().status, 200);
    }
    let begun = shorten(&served, 2);
    served.wait_warning("expiry", &["crl:CN=Test media CA runs out at "]);
    wait_past(begun, SHORT_LIFE);

    assert_eq!(served.alert(&selector), Some(CertificateUnknown), "new");
    let response = open.get(TARGET).unwrap();
    assert_eq!(response.status, 403, "open");
    assert!(open.is_closed_within(PATIENCE));
    let mut resumed = client.connect(served.service.lookup).unwrap();
    assert_eq!(resumed.handshake_kind(), HandshakeKind::Resumed);
    assert_eq!(resumed.get(TARGET).unwrap().status, 403, "resumed");
    assert_eq!(served.refusals("crl_expired"), 4.0);
    assert_eq!(of_ops.get(TARGET).unwrap().status, 200, "clients of another issuer");
    assert_eq!(served.status(&looker), 200);
    served.wait_warning("expiry", &["crl:CN=Test media CA ran out at "]);

    prolong(&served, 3);
    assert_eq!(served.alert(&selector), None);
    assert_eq!(client.get(served.service.lookup, TARGET).unwrap().status, 200, "the old session is good again");
    served.wait_pass();
}

#[test]
fn with_grace_or_where_lists_are_optional_a_list_that_runs_out_refuses_nobody() {
    let [grace, optional] =
        [("crl_grace = 3600", ""), ("", "crl = \"optional\"")].map(|(top, media)| start(top, media));
    let begun = [&grace, &optional].map(|served| {
        let mut open = served.connect(&served.setup.selector);
        assert_eq!(open.get(TARGET).unwrap().status, 200);
        (shorten(served, 2), open)
    });
    for (served, (begun, mut open)) in [&grace, &optional].into_iter().zip(begun) {
        wait_past(begun, SHORT_LIFE);
        assert_eq!(open.get(TARGET).unwrap().status, 200);
        assert_eq!(served.alert(&served.setup.selector), None);
        served.wait_warning("expiry", &["crl:CN=Test media CA ran out at "]);
    }
    // What it revokes it revokes for ever.
    let revoked = selector(&optional.setup);
    let crl = list(3).valid(-Duration::hours(1), Duration::days(7)).revoking(&revoked);
    optional.published(|served| served.setup.replace(LIST, crl.pem_by(&served.setup.pki.media)));
    assert_eq!(optional.alert(&revoked), Some(CertificateRevoked));
}

/// What a start finds of a list that ran out an hour ago.
fn start_late(issuer: &str, top: &str, media: &str) -> Trusted {
    let mut setup = Setup::new();
    let authority = if issuer == "media" { &setup.pki.media } else { &setup.pki.ops };
    let late = list(1).valid(-Duration::hours(2), -Duration::hours(1)).pem_by(authority);
    setup.write(&format!("certs/{issuer}.crl"), late);
    setup.section("clients", &clients(&[&format!("{issuer}.crl")], top, media));
    Trusted::start(setup)
}

#[test]
fn a_list_that_has_run_out_before_the_start_refuses_its_issuers_clients_only() {
    let served = start_late("media", "", "");
    let looker = looker(&served.setup);
    let errors = served.service.errors();
    assert!(errors.contains("certs/media.crl: warning: ") && errors.contains("ran out at"), "{errors}");
    assert_eq!(served.alert(&served.setup.selector), Some(CertificateUnknown));
    assert_eq!(served.status(&looker), 200);
    served.wait_warning("expiry", &["crl:CN=Test media CA ran out at "]);
    // As late as before is no step back, and neither is a little less late.
    let less_late = list(2).valid(-Duration::hours(2), -Duration::minutes(1)).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace(LIST, less_late));
    assert_eq!(served.alert(&served.setup.selector), Some(CertificateUnknown));
    prolong(&served, 3);
    assert_eq!(served.alert(&served.setup.selector), None);
    served.wait_pass();

    for (top, media) in [("crl_grace = 36000", ""), ("", "crl = \"optional\"")] {
        let served = start_late("media", top, media);
        assert_eq!(served.alert(&served.setup.selector), None, "{top}{media}");
    }
    // Grace, too, has an end.
    let served = start_late("media", "crl_grace = 60", "");
    assert_eq!(served.alert(&served.setup.selector), Some(CertificateUnknown));
}

#[test]
fn a_probe_whose_issuers_list_has_run_out_does_not_turn_health_red() {
    let served = start_late("ops", "", "");
    served.wait_warning("lookup", &["the probe can't look anything up", "run out"]);
    assert_eq!(served.status(&served.setup.selector), 200);
    assert_eq!(served.alert(&looker(&served.setup)), Some(CertificateUnknown));
    let fresh = list(2).pem_by(&served.setup.pki.ops);
    served.published(|served| served.setup.replace("certs/ops.crl", fresh));
    served.wait_pass();
    // Revoked while the service runs: the same, and no reload that refuses itself.
    let probe = Identity::from_pem(
        &std::fs::read_to_string(served.setup.path("certs/probe.pem")).unwrap(),
        &std::fs::read_to_string(served.setup.path("certs/probe.key")).unwrap(),
    );
    let revoking = list(3).revoking(&probe).pem_by(&served.setup.pki.ops);
    served.published(|served| served.setup.replace("certs/ops.crl", revoking));
    served.wait_warning("lookup", &["the probe can't look anything up", "revoked"]);
    assert_eq!(served.status(&served.setup.selector), 200);
}

#[test]
fn what_runs_out_within_a_day_is_warned_about() {
    let served = start("", "");
    served.wait_pass();
    for (number, left, warns) in
        [(2, Duration::hours(25), false), (3, Duration::minutes(23 * 60 + 58), true), (4, Duration::days(2), false)]
    {
        let crl = list(number).valid(-Duration::hours(1), left).pem_by(&served.setup.pki.media);
        served.published(|served| served.setup.replace(LIST, crl));
        if warns {
            served.wait_warning("expiry", &["crl:CN=Test media CA runs out at "]);
            assert_eq!(served.check("certificate").0, "pass");
        } else {
            served.wait_pass();
        }
    }
    let soon = Leaf::client("probe.example").valid(-Duration::hours(1), Duration::hours(2));
    served.published(|served| {
        served.setup.write_identity("probe", &soon.issued_by(&served.setup.pki.ops));
    });
    served.wait_warning("expiry", &["probe_certificate runs out at "]);
}

/// Time alone must not keep a revocation waiting: certificates of the service's own that have run
/// out are told, and the list is taken all the same.
#[test]
fn a_revocation_is_taken_though_the_services_own_certificates_have_run_out() {
    let served = start("", "");
    let leaving = selector(&served.setup);
    let mut open: Connection = served.connect(&leaving);
    assert_eq!(open.get(TARGET).unwrap().status, 200);
    let begun = Instant::now();
    served.published(|served| {
        let ops = &served.setup.pki.ops;
        let short = |leaf: Leaf| leaf.valid(-Duration::hours(1), SHORT_LIFE).issued_by(ops);
        served.setup.write_identity("server", &short(Leaf::server()));
        served.setup.write_identity("probe", &short(Leaf::client("probe.example")));
        served.hang_up();
    });
    wait_past(begun, SHORT_LIFE);
    wait_until("that is told", || served.check("certificate").0 == "fail");
    let revoking = list(2).revoking(&leaving).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace(LIST, revoking));
    assert_eq!(open.get(TARGET).unwrap().status, 403);
    // And the new certificates, when they come.
    served.published(|served| {
        let ops = &served.setup.pki.ops;
        served.setup.write_identity("server", &Leaf::server().issued_by(ops));
        served.setup.write_identity("probe", &Leaf::client("probe.example").issued_by(ops));
    });
    served.wait_pass();
    assert_eq!(served.alert(&leaving), Some(CertificateRevoked));
    assert_eq!(served.status(&served.setup.selector), 200);
}
