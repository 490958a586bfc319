#!/usr/bin/env bash
# Instructions that our wire format and that of the crate kafka-protocol take for the same jobs, as
# callgrind counts them: other load on the machine does not change them. A count is the difference
# of two runs that differ in their number of turns, for each item.
#   run.sh           a Markdown table of both on stdout
#   run.sh --readme  and puts it into protocol/README.md
#   run.sh check     fails if a count of ours is more than 5 % above that in instructions.tsv
#   run.sh write     writes instructions.tsv: only with the compiler and the Debian that CI has
# Times of the same jobs, by criterion: cargo bench --manifest-path tests/peers/wire-bench/Cargo.toml
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readme=$here/../../../protocol/README.md
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
build() { cargo build -q --release --locked --manifest-path "$here/Cargo.toml" "$@"; }
case ${1:-} in
  check | write)
    build --no-default-features --target-dir "$here/target/ours"
    "$here/target/ours/release/wire-bench" "$1" "$here/instructions.tsv"
    ;;
  "" | --readme)
    build
    table=$here/target/table.md
    "$here/target/release/wire-bench" table | tee "$table"
    if [ "${1:-}" = --readme ]; then # between the two lines that say so
      grep -q '^<!-- instructions:begin' "$readme" || { echo "$readme has no place for the table" >&2; exit 1; }
      sed -i "/^<!-- instructions:begin/,/^<!-- instructions:end/{
        /^<!-- instructions:begin/r $table
        /^<!-- instructions:/!d
      }" "$readme"
    fi
    ;;
  *)
    echo "usage: run.sh [--readme | check | write]" >&2
    exit 1
    ;;
esac
