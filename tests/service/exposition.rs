//! `/metrics` is what Prometheus reads: valid, complete, and named as promised.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::{Metrics, Service, Setup, table, wait_until};

/// A version that needs escaping wherever it is written.
const VERSION: &str = "a \"quoted\" \\n version, {µ} = 1";

/// A service that has seen a little of everything.
fn exercised() -> (Setup, Service) {
    let mut setup = Setup::new();
    setup.section("limits", "connections = 1");
    let mut odd = table();
    odd["version"] = VERSION.into();
    setup.write_table(&odd);
    let service = Service::start_green(&setup);
    let client = setup.client(Some(&setup.selector));
    assert!(setup.client(None).alert(service.lookup).is_some());
    wait_until("there is room", || client.connect(service.lookup).is_ok_and(|mut open| open.get("/lookup").is_ok()));
    wait_until("there is room", || service.metrics().sum("croupier_connections", &[]) == 0.0);
    let mut connection = client.connect(service.lookup).unwrap();
    for target in ["/lookup?ip=198.18.0.1", "/lookup?ip=198.18.64.1", "/lookup?ip=2001:db8::", "/lookup?ip=x", "/"] {
        connection.get(target).unwrap();
    }
    assert!(client.connect(service.lookup).is_err(), "no room");
    service.signal("HUP");
    wait_until("the reload is counted", || {
        service.metrics().sum("croupier_reloads_total", &[("what", "table")]) >= 1.0
    });
    (setup, service)
}

/// The family that a sample belongs to.
fn family<'m>(metrics: &'m Metrics, sample: &'m str) -> &'m str {
    let stems = ["_bucket", "_sum", "_count"].into_iter().filter_map(|suffix| sample.strip_suffix(suffix));
    let is_histogram = |stem: &&str| metrics.types.get(*stem).is_some_and(|kind| kind == "histogram");
    stems.into_iter().find(is_histogram).unwrap_or(sample)
}

#[test]
fn it_is_valid() {
    let (_setup, service) = exercised();
    let text = service.metrics_text();
    let metrics = Metrics::parse(&text);
    let mut series = BTreeSet::new();
    for sample in &metrics.samples {
        assert!(series.insert((&sample.name, &sample.labels)), "twice: {sample:?}");
        let family = family(&metrics, &sample.name);
        assert!(metrics.types.contains_key(family), "no TYPE: {sample:?}");
        assert!(metrics.helped.contains(family), "no HELP: {sample:?}");
        assert!(!sample.value.is_nan(), "{sample:?}");
        if metrics.types[family] == "counter" {
            assert!(family.ends_with("_total"), "{family}");
        }
    }
    // The lines of a family stand together, its TYPE before its samples.
    let mut order: Vec<&str> = Vec::new();
    let mut typed = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            typed.insert(rest.split(' ').next().unwrap());
        } else if !line.starts_with('#') {
            let family = family(&metrics, line.split(['{', ' ']).next().unwrap());
            assert!(typed.contains(family), "before its TYPE: {line}");
            if order.last() != Some(&family) {
                assert!(!order.contains(&family), "{family} is scattered");
                order.push(family);
            }
        }
    }
}

#[test]
fn histograms_add_up() {
    let (_setup, service) = exercised();
    let metrics = service.metrics();
    let mut histograms: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in metrics.named("croupier_request_duration_seconds_bucket") {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le").unwrap().parse().unwrap();
        histograms.entry(labels).or_default().push((bound, sample.value));
    }
    assert_ne!(histograms.len(), 0);
    for (labels, mut buckets) in histograms {
        buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        assert!(buckets.is_sorted_by(|left, right| left.1 <= right.1), "{buckets:?}");
        let labels: Vec<(&str, &str)> = labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
        let count = metrics.sum("croupier_request_duration_seconds_count", &labels);
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)));
    }
}

#[test]
fn the_promised_names_are_there() {
    let (_setup, service) = exercised();
    let metrics = service.metrics();
    for (name, labels) in [
        ("croupier_requests_total", ["listener", "status"].as_slice()),
        ("croupier_request_duration_seconds_count", &["listener"]),
        ("croupier_decisions_total", &["cdn"]),
        ("croupier_table_generation", &[]),
        ("croupier_table_info", &["version", "digest"]),
        ("croupier_table_prefixes", &["family"]),
        ("croupier_table_loaded_timestamp_seconds", &[]),
        ("croupier_reloads_total", &["what", "result"]),
        ("croupier_handshakes_total", &["result"]),
        ("croupier_client_refusals_total", &["reason"]),
        ("croupier_connections", &["listener"]),
        ("croupier_connections_limit", &["listener"]),
        ("croupier_requests_shed_total", &["reason"]),
        ("croupier_expiry_timestamp_seconds", &["what"]),
        ("croupier_health", &["check"]),
        ("croupier_health_warning", &["check"]),
        ("croupier_build_info", &["version", "commit"]),
        ("process_cpu_seconds_total", &[]),
        ("process_resident_memory_bytes", &[]),
        ("process_open_fds", &[]),
        ("process_max_fds", &[]),
        ("process_start_time_seconds", &[]),
    ] {
        let expected: BTreeSet<&str> = labels.iter().copied().collect();
        let mut samples = metrics.named(name).peekable();
        assert!(samples.peek().is_some(), "{name} is missing");
        for sample in samples {
            assert_eq!(sample.labels.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{name}");
        }
    }
    assert_eq!(metrics.sum("croupier_table_info", &[("version", VERSION)]), 1.0);
    assert_eq!(metrics.sum("croupier_table_generation", &[]), 1.0);
    assert_eq!(metrics.sum("croupier_decisions_total", &[]), 3.0);
    for family in ["ipv4", "ipv6"] {
        assert!(metrics.sum("croupier_table_prefixes", &[("family", family)]) > 0.0);
    }
    for sample in metrics.named("croupier_health") {
        assert_eq!(sample.value, 1.0, "{sample:?}");
    }
    assert!(metrics.named("croupier_health_warning").all(|sample| sample.value == 0.0));
    assert_eq!(metrics.sum("croupier_connections_limit", &[("listener", "lookup")]), 1.0);
    let loaded = metrics.sum("croupier_table_loaded_timestamp_seconds", &[]);
    let now = time::OffsetDateTime::now_utc().unix_timestamp() as f64;
    assert!((now - 600.0..=now + 1.0).contains(&loaded), "{loaded}");
}
