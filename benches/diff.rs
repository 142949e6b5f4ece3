//! What it costs to compare two tables as large as the global routing table: with the same
//! prefixes and other weights, so that everything must be asked again; with other prefixes; and with nothing
//! changed, which is the walk alone.

use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use croupier::table::{Diff, Table};

#[path = "common/tables.rs"]
mod tables;

fn bench(criterion: &mut Criterion) {
    let compiled = |seed, heavier| -> Table {
        let written = tables::generated_table(seed, heavier);
        written.compile(written.inputs())
    };
    let old = compiled(0, 0);
    let mut group = criterion.benchmark_group("generated/diff");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(10));
    for (name, seed, heavier) in [("nothing", 0, 0), ("weights", 0, 10), ("prefixes", 1, 0)] {
        let new = compiled(seed, heavier);
        let diff = Diff::between(&old, &new);
        let expected = diff.ipv6.moves.iter().any(|one| one.expected);
        eprintln!("{name}: {} addresses and {:.0} /48s move (expected: {expected})", diff.ipv4.moved, diff.ipv6.moved);
        group.bench_function(name, |bencher| bencher.iter(|| Diff::between(&old, &new)));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
