//! Times of the jobs: `cargo bench --manifest-path tests/peers/wire-bench/Cargo.toml`. They hang on
//! the machine and on what else it does; counts of instructions do not.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wire_bench::{JOBS, Side};

fn time(criterion: &mut Criterion) {
    for job in JOBS {
        let mut group = criterion.benchmark_group(job.name);
        group.throughput(Throughput::Elements(job.items as u64));
        for (name, side) in [("ottla", Side::Ours), ("kafka-protocol", Side::Theirs)] {
            if let Some(mut turn) = job.prepare(side) {
                group.bench_function(name, |bencher| bencher.iter(&mut turn));
            }
        }
        group.finish();
    }
}

criterion_group!(benches, time);
criterion_main!(benches);
