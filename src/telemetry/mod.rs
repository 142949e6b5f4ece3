//! Logs, and the names of all metrics in one place.
//!
//! - [`mod@requests`]: what every request counts
//! - `striped`: without threads getting in each other's way

pub mod requests;
mod striped;

use std::fmt::Write;
use std::io::IsTerminal;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Counter, Gauge, Unit, counter, gauge};
use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tracing_subscriber::EnvFilter;

use crate::client::{Expiry, Refusal};
use crate::config::{Log, LogFormat};
use crate::table::lookup::anonymous;

/// The reason for which a request is refused whose client is let in: its role is another.
pub const ROLE_MISSING: &str = "role_missing";

static PROMETHEUS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Sends logs to stderr: JSON unless that is a terminal, or as configured.
pub fn init_logs(log: &Log) {
    // h2 warns of each client that misbehaves: once is told by its metrics, often would fill a disk.
    let filter = EnvFilter::try_new(format!("h2=error,{}", log.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let (terminal, json) = (std::io::stderr().is_terminal(), is_json(log));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
    // A second call, as in tests that start several services in one process, keeps the first.
    _ = if json { logs.json().flatten_event(true).try_init() } else { logs.try_init() };
    std::panic::set_hook(Box::new(
        |panic| tracing::error!(%panic, "a task panicked; its request fails, serving goes on"),
    ));
}

/// Whether logs are for programs.
pub fn is_json(log: &Log) -> bool {
    match log.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Json => true,
        LogFormat::Text => false,
    }
}

/// An address as logs may hold it.
pub fn subnet(address: IpAddr) -> String {
    anonymous(address).to_string()
}

/// Starts counting.
pub fn init_metrics() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        _ = PROMETHEUS.set(handle);
        describe();
        Collector::default().describe();
        begin_at_zero();
        gauge!("croupier_build_info", "version" => env!("CARGO_PKG_VERSION"), "commit" => COMMIT).set(1.0);
    }
}

/// The commit that the binary was built from, or `unknown`.
pub const COMMIT: &str = env!("BUILD_COMMIT");

/// Everything in Prometheus's text format, the table in service and what runs out included.
pub fn render(version: &str, digest: &str, expiries: &[Expiry]) -> String {
    const INFO: &str = "croupier_table_info";
    const EXPIRY: &str = "croupier_expiry_timestamp_seconds";
    Collector::default().collect();
    let mut text = PROMETHEUS.get().map(PrometheusHandle::render).unwrap_or_default();
    requests::write(&mut text);
    // Written here and not kept as gauges: each reload would leave series of old labels behind.
    write_help_line(&mut text, INFO, None, None, "The table in service, as labels");
    write_type_line(&mut text, INFO, None, None, "gauge");
    let version = escaped(version);
    // Writing to a string can't fail.
    _ = writeln!(text, "{INFO}{{version=\"{version}\",digest=\"{digest}\"}} 1");
    write_help_line(&mut text, EXPIRY, None, None, "When a certificate or revocation list runs out");
    write_type_line(&mut text, EXPIRY, None, None, "gauge");
    for Expiry { what, ends } in expiries {
        let what = escaped(what);
        _ = writeln!(text, "{EXPIRY}{{what=\"{what}\"}} {}", timestamp(*ends));
    }
    text
}

/// As a label's value. (The exporter's own takes a backslash before a quote for an escape.)
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

fn describe() {
    use metrics::{describe_counter, describe_gauge};
    describe_gauge!("croupier_table_generation", "Effective tables published in this process");
    describe_gauge!("croupier_table_prefixes", "Disjoint prefixes of the table in service");
    describe_gauge!("croupier_table_loaded_timestamp_seconds", Unit::Seconds, "When the table in service was loaded");
    describe_gauge!("croupier_table_held", "1 while a rollback holds the table in service");
    describe_gauge!("croupier_overrides_active", "Overrides in force");
    describe_gauge!("croupier_mixes_down", "Mixes that overrides leave no CDN, and what their clients get instead");
    describe_counter!("croupier_reloads_total", "Attempts to reload");
    describe_counter!("croupier_source_requests_total", "Objects asked for of a store that tables or overrides lie in");
    describe_counter!("croupier_source_bytes_total", "Bytes read from there");
    describe_counter!("croupier_handshakes_total", "TLS handshakes");
    describe_counter!("croupier_proxy_headers_total", "Connections from networks that must begin with a PROXY header");
    describe_counter!("croupier_client_refusals_total", "Clients refused");
    describe_gauge!("croupier_connections", "Open connections");
    describe_gauge!("croupier_connections_limit", "Connections that are taken, if descriptors for them last");
    describe_counter!("croupier_requests_shed_total", "Connections and requests turned away for lack of room or time");
    describe_gauge!("croupier_trust_generation", "States of trust published in this process");
    describe_gauge!("croupier_health", "1 if the check passes or warns, 0 if it fails");
    describe_gauge!("croupier_health_warning", "1 if the check warns");
    describe_gauge!("croupier_build_info", "The running program, as labels");
}

/// Counters that have never counted are shown all the same: a rate needs a series from the start.
fn begin_at_zero() {
    for result in ["published", "unchanged", "held", "postponed", "failed"] {
        for what in ["config", "overrides", "table", "trust"] {
            reloads(what, result).absolute(0);
        }
    }
    for result in ["read", "changed", "unchanged", "missing", "failed"] {
        questions(result).absolute(0);
    }
    source_bytes().absolute(0);
    for result in ["full", "resumed", "refused", "timeout", "failed"] {
        handshakes(result).absolute(0);
    }
    for result in ["proxied", "local", "refused", "timeout"] {
        proxy_headers(result).absolute(0);
    }
    for refusal in Refusal::ALL {
        refusals(refusal.reason()).absolute(0);
    }
    refusals(ROLE_MISSING).absolute(0);
    for reason in ["connections", "descriptors", "handshakes", "overload"] {
        sheds(reason).absolute(0);
    }
}

/// The open connections of a listener.
pub fn connections(listener: &'static str) -> Gauge {
    gauge!("croupier_connections", "listener" => listener)
}

/// How many of them there may be.
pub fn connections_limit(listener: &'static str, most: usize) {
    gauge!("croupier_connections_limit", "listener" => listener).set(most as f64);
}

pub fn table_published(generation: u64, (ipv4, ipv6): (usize, usize), loaded_at: SystemTime) {
    gauge!("croupier_table_generation").set(generation as f64);
    gauge!("croupier_table_prefixes", "family" => "ipv4").set(ipv4 as f64);
    gauge!("croupier_table_prefixes", "family" => "ipv6").set(ipv6 as f64);
    gauge!("croupier_table_loaded_timestamp_seconds").set(timestamp(loaded_at));
}

pub fn trust_published(generation: u64) {
    gauge!("croupier_trust_generation").set(generation as f64);
}

pub fn overrides_active(count: usize) {
    gauge!("croupier_overrides_active").set(count as f64);
}

/// How many mixes' clients get the default mix, and how many get what the table has, since of that nothing is left either.
pub fn mixes_down(default: usize, table: usize) {
    gauge!("croupier_mixes_down", "instead" => "default").set(default as f64);
    gauge!("croupier_mixes_down", "instead" => "table").set(table as f64);
}

pub fn table_held(held: bool) {
    gauge!("croupier_table_held").set(if held { 1.0 } else { 0.0 });
}

/// `what` is `table`, `trust`, `overrides` or `config`; `result` as in [`Verdict`](crate::outcome::Verdict).
pub fn reload(what: &'static str, result: &'static str) {
    reloads(what, result).increment(1);
}

fn reloads(what: &'static str, result: &'static str) -> Counter {
    counter!("croupier_reloads_total", "what" => what, "result" => result)
}

/// A question to a store: `result` is `read`, `changed`, `unchanged`, `missing` or `failed`.
pub fn asked(result: &'static str, bytes: usize) {
    questions(result).increment(1);
    source_bytes().increment(bytes as u64);
}

fn source_bytes() -> Counter {
    counter!("croupier_source_bytes_total")
}

fn questions(result: &'static str) -> Counter {
    counter!("croupier_source_requests_total", "result" => result)
}

/// `result` is `full`, `resumed`, `refused`, `timeout` or `failed`.
pub fn handshake(result: &'static str) {
    handshakes(result).increment(1);
}

fn handshakes(result: &'static str) -> Counter {
    counter!("croupier_handshakes_total", "result" => result)
}

/// `result` is `proxied`, `local`, `refused` or `timeout`.
pub fn proxy_header(result: &'static str) {
    proxy_headers(result).increment(1);
}

fn proxy_headers(result: &'static str) -> Counter {
    counter!("croupier_proxy_headers_total", "result" => result)
}

pub fn refusal(reason: &'static str) {
    refusals(reason).increment(1);
}

fn refusals(reason: &'static str) -> Counter {
    counter!("croupier_client_refusals_total", "reason" => reason)
}

pub fn shed(reason: &'static str) {
    sheds(reason).increment(1);
}

fn sheds(reason: &'static str) -> Counter {
    counter!("croupier_requests_shed_total", "reason" => reason)
}

/// `fails` and `warns` exclude each other.
pub fn health(check: &'static str, fails: bool, warns: bool) {
    let (health, warning) = (f64::from(u8::from(!fails)), f64::from(u8::from(warns)));
    gauge!("croupier_health", "check" => check).set(health);
    gauge!("croupier_health_warning", "check" => check).set(warning);
}

fn timestamp(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
