#!/usr/bin/env bash
# Fuzzes ottla-protocol with libFuzzer on stable Rust: no nightly, no cargo-fuzz, a C++ compiler.
#   fuzz/run.sh SECONDS [TARGET ...]   each target for so long, as many at a time as there are cores
#   fuzz/run.sh merge [TARGET ...]     puts what was found since into fuzz/corpus, as little as covers all
# An input that breaks a promise is left in target/fuzz/found; give it to the target to see it again:
#   target/fuzz/$HOST/release/TARGET FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$PWD/../target/fuzz
export CARGO_TARGET_DIR=$work

[ $# -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }
what=$1
shift
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(sed -n 's,^path = "targets/\(.*\)\.rs",\1,p' Cargo.toml)

host=$(rustc -vV | sed -n 's/^host: //p')
build() { # coverage counters in our code and in what it is built on, but not in build scripts
  local flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
  flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
  flags+=" -Cllvm-args=-sanitizer-coverage-pc-table"
  flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
  RUSTFLAGS=$flags cargo build -q --release --locked --target "$host" "${targets[@]/#/--bin=}"
}

# libFuzzer is told of memory by a hook that only sanitizers have, so the limits it can keep are
# those of the whole process; what one input may allocate is checked by the targets themselves.
limits=(-rss_limit_mb=1024 -malloc_limit_mb=64 -timeout=10)

fuzz_one() {
  local target=$1 seconds=$2 corpus=$work/corpus/$1
  python3 corpus.py unpack "corpus/$target.hex" "$corpus"
  mkdir -p "$work/found" "$work/log"
  if ! "$work/$host/release/$target" "${limits[@]}" -max_total_time="$seconds" -max_len=8192 \
    -print_final_stats=1 -artifact_prefix="$work/found/$target-" "$corpus" 2>"$work/log/$target"; then
    tail -40 "$work/log/$target"
    echo "$target: FAILED; the input is in target/fuzz/found" >&2
    return 1
  fi
  awk -v target="$target" '
    /^#[0-9]+/ { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1); else if ($i == "ft:") ft = $(i + 1) }
    /number_of_executed_units/ { runs = $2 }
    /average_exec_per_sec/ { pace = $2 }
    END { printf "%-17s %9d runs, %6d a second, %5d edges, %6d features\n", target, runs, pace, cov, ft }
  ' "$work/log/$target"
}

merge_one() {
  local target=$1 least=$work/least/$1
  rm -rf "$least"
  mkdir -p "$least" "$work/log"
  python3 corpus.py unpack "corpus/$target.hex" "$work/corpus/$target"
  "$work/$host/release/$target" "${limits[@]}" -merge=1 "$least" "$work/corpus/$target" \
    2>"$work/log/$target"
  python3 corpus.py pack "$least" "corpus/$target.hex"
  printf '%-17s %5d inputs, %7d bytes\n' "$target" "$(ls "$least" | wc -l)" "$(cat "$least"/* | wc -c)"
}

build
python3 corpus.py seed "$work/corpus"
export -f fuzz_one merge_one
export work host
case $what in
  merge) for target in "${targets[@]}"; do merge_one "$target"; done ;;
  *[!0-9]*) echo "not a number of seconds: $what" >&2; exit 2 ;;
  *)
    running=0 failed=0
    for target in "${targets[@]}"; do
      [ "$running" -lt "${FUZZ_JOBS:-$(nproc)}" ] || { wait -n || failed=1; running=$((running - 1)); }
      fuzz_one "$target" "$what" & running=$((running + 1))
    done
    while [ "$running" -gt 0 ]; do wait -n || failed=1; running=$((running - 1)); done
    exit "$failed"
    ;;
esac
