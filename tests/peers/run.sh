#!/usr/bin/env bash
# Every peer in turn, and a table of what they did. Fails if one fails, or if more than two cannot
# be installed here.
#   run.sh [HOST:PORT]            against that broker (auto.create.topics.enable=false) or our own
#   run.sh --readme [HOST:PORT]   and puts the table into README.md
# The table is left in $PEERS_CACHE/table.md (default: target/peers).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PEERS_CACHE=${PEERS_CACHE:-$(cd "$here/../.." && pwd)/target/peers}
export PEERS_ROWS=$PEERS_CACHE/rows
peers=(kcat confluent_kafka kafka_python orders aiokafka kafkajs sarama java apache_kafka log_exchange)
missing_max=2

readme=
if [ "${1:-}" = --readme ]; then
  readme=$here/../../README.md
  shift
fi
mkdir -p "$PEERS_CACHE"
: >"$PEERS_ROWS"
failed=() missing=()
for peer in "${peers[@]}"; do
  echo "-- $peer"
  from=$SECONDS code=0
  "$here/$peer.sh" "$@" || code=$?
  case $code in
    0) ;;
    77) missing+=("$peer") && echo "| $peer | | | NOT RUN |" >>"$PEERS_ROWS" ;;
    *) failed+=("$peer") && echo "| $peer | | | failed |" >>"$PEERS_ROWS" ;;
  esac
  echo "-- $peer: $((SECONDS - from)) s"
done

table=$PEERS_CACHE/table.md
printf '| client | version | exercised | result |\n|---|---|---|---|\n' | cat - "$PEERS_ROWS" >"$table"
cat "$table"
if [ -n "$readme" ]; then # between the two lines that say so
  sed -i "/^<!-- peers:begin/,/^<!-- peers:end/{
    /^<!-- peers:begin/r $table
    /^<!-- peers:/!d
  }" "$readme"
fi
[ ${#missing[@]} -eq 0 ] || echo "NOT RUN: ${missing[*]}"
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
[ ${#missing[@]} -le $missing_max ] || { echo "more than $missing_max peers could not be installed"; exit 1; }
