//! What a table costs: to compile, to ask, and to render its answers.
//!
//! Two tables: the default one, and a generated one as large as the global routing table. Beside
//! the lookups stands plain longest-prefix matching with the `prefix-trie` crate, as a measure.
//! Run it with `cargo bench --bench table`; every draw has a fixed seed. How all of it grows with the
//! number of prefixes is measured in `growth.rs`.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark ends at the first surprise")]

#[path = "common/lookups.rs"]
mod lookups;
#[path = "common/tables.rs"]
mod tables;

use std::time::Duration;

use criterion::{BatchSize, Criterion, SamplingMode, criterion_group, criterion_main};
use tables::{default_table, generated_table};

fn bench(criterion: &mut Criterion) {
    for (name, written) in [("default", default_table()), ("generated", generated_table(0, 0))] {
        let table = written.compile(written.inputs());
        let (ipv4, ipv6) = table.trie.len();
        eprintln!("the {name} table: {} footprints, {ipv4} IPv4 and {ipv6} IPv6 prefixes", table.footprints.len());

        let mut group = criterion.benchmark_group(format!("{name}/compile"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
        group.bench_function("table", |bencher| {
            bencher.iter_batched(|| written.inputs(), |inputs| written.compile(inputs), BatchSize::PerIteration);
        });
        group.finish();

        let mut group = criterion.benchmark_group(format!("{name}/lookup"));
        group.sample_size(50).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_millis(1500));
        lookups::measure(&mut group, &table, "/");
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
