# Sourced by the scripts beside it: a broker of ours for other people's programs to talk to.
#   broker ARGS...   starts one on a free port; sets $bootstrap and $broker_pid
#   stop [SIGNAL]    ends it and waits (TERM must end with exit code 0)
#   fail WORDS...    says why and ends the script
# $BROKER_LITE is the binary (default: the debug build); $work a directory that goes away.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${BROKER_LITE:=$root/target/debug/broker-lite}"
[ -x "$BROKER_LITE" ] || { echo "no $BROKER_LITE: cargo build -p broker-lite" >&2; exit 1; }
work=$(mktemp -d)
broker_pid=

finish() {
  [ -z "$broker_pid" ] || kill -KILL "$broker_pid" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

fail() {
  echo "$(basename "$0"): $*" >&2
  [ ! -e "$work/broker.log" ] || tail -20 "$work/broker.log" >&2
  exit 1
}

broker() {
  : >"$work/ready"
  RUST_LOG=${RUST_LOG:-info} "$BROKER_LITE" serve --port 0 "$@" \
    >"$work/ready" 2>>"$work/broker.log" </dev/null &
  broker_pid=$!
  for _ in $(seq 200); do
    [ ! -s "$work/ready" ] || break
    kill -0 "$broker_pid" 2>/dev/null || fail "the broker ended while starting"
    sleep 0.05
  done
  bootstrap=$(sed -n 's/^{"ready":true,"bootstrap":"\([^"]*\)","pid":'"$broker_pid"'}$/\1/p' "$work/ready")
  [ -n "$bootstrap" ] || fail "not a ready line: $(cat "$work/ready")"
  export KAFKA_BOOTSTRAP_SERVERS=$bootstrap
}

stop() {
  local code=0
  kill -s "${1:-TERM}" "$broker_pid"
  wait "$broker_pid" 2>/dev/null || code=$?
  broker_pid=
  [ "${1:-TERM}" != TERM ] || [ "$code" = 0 ] || fail "the broker ended with $code on SIGTERM"
}
