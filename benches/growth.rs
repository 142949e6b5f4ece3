//! How what a table costs grows with its prefixes: to compile, to ask, to render its answers, and in memory.
//!
//! From 10,000 prefixes to 10,000,000, or to `GROWTH_MOST`. `loadtest/growth` runs this, and draws what comes of it.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark ends at the first surprise")]

#[path = "common/lookups.rs"]
mod lookups;
#[path = "common/tables.rs"]
mod tables;

use std::time::Duration;

use criterion::{BatchSize, Criterion, SamplingMode, criterion_group, criterion_main};
use tables::table_of;

const SIZES: [usize; 7] = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];

fn bench(criterion: &mut Criterion) {
    let most = std::env::var("GROWTH_MOST").map_or(usize::MAX, |most| most.parse().expect("GROWTH_MOST is a number"));
    for size in SIZES.into_iter().filter(|size| *size <= most) {
        let written = table_of(size, 0, 0);
        let inputs = written.inputs();
        let before = resident() - inputs.files.values().map(Vec::len).sum::<usize>();
        let table = written.compile(inputs);
        // Read by `loadtest/growth`.
        eprintln!("memory of {size} prefixes: {} kB", resident().saturating_sub(before) / 1000);

        let mut group = criterion.benchmark_group(format!("growth-{size}"));
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.bench_function("compile", |bencher| {
            bencher.iter_batched(|| written.inputs(), |inputs| written.compile(inputs), BatchSize::PerIteration);
        });
        drop(written);
        group.sample_size(50).sampling_mode(SamplingMode::Auto);
        lookups::measure(&mut group, &table, "-");
        group.finish();
    }
}

/// This process's memory, in bytes. What is freed counts too, unless `MALLOC_MMAP_THRESHOLD_` says that it is given back.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux's account of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its resident memory");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number of kilobytes") * 1024
}

criterion_group!(benches, bench);
criterion_main!(benches);
