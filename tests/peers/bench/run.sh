#!/usr/bin/env bash
# Our client and librdkafka against the same broker-lite, interleaved, each run a process of its
# own: Markdown tables on stdout, each run on stderr. About 20 minutes.
#   tests/peers/bench/run.sh            all of it
#   tests/peers/bench/run.sh --readme   and puts the last table into README.md
#   BENCH_ONLY='produce 100 B, 1p, none' BENCH_ROUNDS=7 BENCH_MEGABYTES=200 tests/peers/bench/run.sh
# BENCH_ONLY: cells whose title has this in it. BENCH_MEGABYTES: of records of 100 B in each run,
# and four times that of records of 1 KiB (default 100; shorter runs show how clients start).
# $BROKER_LITE: the broker's release build (default: builds it).
# Figures are medians of BENCH_ROUNDS rounds (default 5), behind one that does not count. CPU-s/M:
# CPU seconds per million records, of the client's process. A ratio is to librdkafka's cheapest in
# that cell; a name with + is librdkafka in its second setting (src/job.rs).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
if [ "${1:-}" = --readme ] && [ -n "${BENCH_ONLY:-}" ]; then
  echo "README.md has all cells: --readme and BENCH_ONLY do not go together" >&2
  exit 1
fi
if [ "${1:-}" = --readme ] && ! grep -q '^<!-- bench:begin' "$root/README.md"; then
  echo "README.md has no lines '<!-- bench:begin -->' and '<!-- bench:end -->' to put the table between" >&2
  exit 1
fi
if [ -z "${BROKER_LITE:-}" ]; then
  cargo build -q --release --manifest-path "$root/Cargo.toml" -p broker-lite
  BROKER_LITE=$root/target/release/broker-lite
fi
cargo build -q --release --locked --manifest-path "$here/Cargo.toml"
tables=$here/target/tables.md
"$here/target/release/bench" "$BROKER_LITE" | tee "$tables"
if [ "${1:-}" = --readme ]; then # between the two lines that say so
  sed -n '/^| cell /,$p' "$tables" | sed '/^$/d' >"$here/target/ratios.md"
  sed -i "/^<!-- bench:begin/,/^<!-- bench:end/{
    /^<!-- bench:begin/r $here/target/ratios.md
    /^<!-- bench:/!d
  }" "$root/README.md"
fi
