#!/usr/bin/env bash
# Our client and librdkafka against the same broker-lite, interleaved: Markdown tables on stdout,
# each run on stderr. Each figure is a median of BENCH_ROUNDS rounds; CPU-s/M are CPU seconds of the
# client's process per million records; a ratio is to librdkafka's cheapest run of that cell.
# A name with + is librdkafka in its second setting (job.rs). Takes about 40 minutes.
#   tests/peers/bench/run.sh
#   BENCH_ONLY='produce 100 B, 1p, none' BENCH_ROUNDS=5 BENCH_MEGABYTES=400 tests/peers/bench/run.sh
# $BROKER_LITE: a release build of the broker (default: builds it). BENCH_MEGABYTES: of records of
# 100 B in each run; twice that of records of 1 KiB.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
if [ -z "${BROKER_LITE:-}" ]; then
  cargo build -q --release --manifest-path "$root/Cargo.toml" -p broker-lite
  BROKER_LITE=$root/target/release/broker-lite
fi
cargo build -q --release --locked --manifest-path "$here/Cargo.toml"
exec "$here/target/release/bench" "$BROKER_LITE"
