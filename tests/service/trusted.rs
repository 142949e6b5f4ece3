//! A service that has revocation lists, and what the tests of trust ask of it.

use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;
use serde_json::Value;

use crate::harness::{Client, Connection, Crl, Identity, Leaf, Service, Setup, wait_until};

pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

pub const TARGET: &str = "/lookup?ip=192.0.2.1";

/// The `[clients]` section with these lists, further keys at the top, and further keys of the
/// media CA's entry.
pub fn clients(lists: &[&str], top: &str, media: &str) -> String {
    let lists: Vec<String> = lists.iter().map(|list| format!("\"certs/{list}\"")).collect();
    let lists = lists.join(", ");
    format!(
        r#"
ca = ["certs/root.pem"]
crls = [{lists}]
{top}
[[clients.allow]]
issuer = "certs/media-ca.pem"
role = "lookup"
{media}
[[clients.allow]]
issuer = "certs/ops-ca.pem"
role = "admin"
san = ["ops-*.example"]
[[clients.allow]]
issuer = "certs/ops-ca.pem"
role = "probe"
san = ["probe.example"]
"#
    )
}

/// A list that nobody is warned of: in date for a week more.
pub fn list(number: u64) -> Crl {
    Crl::new().number(number).valid(-time::Duration::hours(1), time::Duration::days(7))
}

/// A client of the media CA.
pub fn selector(setup: &Setup) -> Identity {
    Leaf::client("media-selector-7.example").issued_by(&setup.pki.media)
}

/// A client of the ops CA that may look up.
pub fn looker(setup: &Setup) -> Identity {
    Leaf::client("probe.example").issued_by(&setup.pki.ops)
}

/// Every result that a reload can have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reloads {
    pub published: f64,
    pub unchanged: f64,
    pub failed: f64,
}

pub struct Trusted {
    pub setup: Setup,
    pub service: Service,
}

impl Trusted {
    #[track_caller]
    pub fn start(setup: Setup) -> Self {
        let service = Service::start_green(&setup);
        Self { setup, service }
    }

    pub fn client(&self, identity: &Identity) -> Client {
        self.setup.client(Some(identity))
    }

    pub fn connect(&self, identity: &Identity) -> Connection {
        self.client(identity).connect(self.service.lookup).unwrap()
    }

    /// The status of a lookup on a new session.
    #[track_caller]
    pub fn status(&self, identity: &Identity) -> u16 {
        self.client(identity).get(self.service.lookup, TARGET).unwrap().status
    }

    /// The alert for a new session, the same in both TLS versions; None if it is answered.
    #[track_caller]
    pub fn alert(&self, identity: &Identity) -> Option<AlertDescription> {
        let [older, newer] =
            VERSIONS.map(|version| self.setup.client_of(version, Some(identity)).alert(self.service.lookup));
        assert_eq!(older, newer);
        newer
    }

    pub fn generation(&self) -> f64 {
        self.service.metrics().sum("croupier_trust_generation", &[])
    }

    pub fn table_generation(&self) -> f64 {
        self.service.metrics().sum("croupier_table_generation", &[])
    }

    pub fn reloads_of(&self, what: &str) -> Reloads {
        let metrics = self.service.metrics();
        let count = |result| metrics.sum("croupier_reloads_total", &[("what", what), ("result", result)]);
        Reloads { published: count("published"), unchanged: count("unchanged"), failed: count("failed") }
    }

    pub fn reloads(&self) -> Reloads {
        self.reloads_of("trust")
    }

    pub fn refusals(&self, reason: &str) -> f64 {
        self.service.metrics().sum("croupier_client_refusals_total", &[("reason", reason)])
    }

    /// A change of files, or of the configuration with a signal, and the wait for what comes of it.
    #[track_caller]
    pub fn published(&self, change: impl FnOnce(&Self)) {
        let before = self.generation();
        change(self);
        wait_until("trust is published anew", || self.generation() > before);
    }

    /// The same, if it is to be refused.
    #[track_caller]
    pub fn refused(&self, change: impl FnOnce(&Self)) {
        let (before, generation) = (self.reloads(), self.generation());
        change(self);
        wait_until("the reload is refused", || self.reloads().failed > before.failed);
        assert_eq!((self.generation(), self.reloads().published), (generation, before.published));
    }

    pub fn hang_up(&self) {
        self.service.signal("HUP");
    }

    /// A check's status, and why it is not `pass`.
    pub fn check(&self, name: &str) -> (String, String) {
        let (_, document) = self.service.health();
        let [status, output] = ["status", "output"].map(|key| document["checks"][name][0][key].clone());
        (text(&status), text(&output))
    }

    /// Waits until a check warns of all this, with health at 200 and `warn`.
    #[track_caller]
    pub fn wait_warning(&self, name: &str, told: &[&str]) {
        wait_until(&format!("{name} warns of {told:?}"), || {
            let (status, output) = self.check(name);
            status == "warn" && told.iter().all(|part| output.contains(part))
        });
        let (status, document) = self.service.health();
        assert_eq!((status, &document["status"]), (200, &Value::from("warn")), "{document}");
    }

    #[track_caller]
    pub fn wait_pass(&self) {
        wait_until("health passes", || self.service.health().1["status"] == "pass");
    }

    /// Messages of a level that were logged after `skipped` lines.
    pub fn logged(&self, level: &str, skipped: usize) -> Vec<String> {
        let lines = self.service.log().into_iter().skip(skipped).filter(|line| line["level"] == level);
        lines.map(|line| text(&line["message"])).collect()
    }

    /// The certificate that a new session is shown.
    pub fn shown(&self) -> CertificateDer<'static> {
        self.connect(&self.setup.selector).server_certificate()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Sleeps until surely later than a moment that is this far after `begun`: written times are whole
/// seconds.
pub fn wait_past(begun: std::time::Instant, life: time::Duration) {
    let over = begun + life.unsigned_abs() + Duration::from_millis(1500);
    std::thread::sleep(over.saturating_duration_since(std::time::Instant::now()));
}
