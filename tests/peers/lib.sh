# Sourced by the scripts beside it: a broker of ours for other people's programs to talk to.
#   broker ARGS...   starts one on a free port; sets $bootstrap and $broker_pid
#   stop [SIGNAL]    ends it and waits (TERM must end with exit code 0)
#   fail WORDS...    says why and ends the script
#   equal WHAT EXPECTED GOT  fails unless they are the same
#   install COMMAND...       tries it twice; a peer that is not to be had ends the script with code 77
#   against [HOST:PORT]      that broker, which must not create topics by itself, or one of ours;
#                            sets $prefix for the names of topics; $prefix-ours has $work/lines in
#                            each codec, written by our client
#   run COMMAND...           a peer's program; its lines "ok: WORDS" say what it exercised
#   ok WORDS...              the same from a script
#   wrote CODEC...           what the peer wrote to $prefix-CODEC: is it $work/lines in that codec?
#   start_kafka SETTING...   Apache Kafka on a free port, in $work/kafka; sets $java. The script has a
#                            stop_kafka, which takes a signal
#   dump FILE[,FILE...]      Kafka's dump tool, which $kafka runs
#   damaged FILE             what the tool has printed into it says that something is wrong
#   files DIR ENDING         the files below it with this ending, joined by commas
#   passed CLIENT VERSION    the end: a row of README's table, appended to $PEERS_ROWS if that is set
# $BROKER_LITE is the binary (default: the debug build); $work a directory that goes away;
# $PEERS_CACHE keeps what was installed (default: target/peers).
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${BROKER_LITE:=$root/target/debug/broker-lite}"
[ -x "$BROKER_LITE" ] || { echo "no $BROKER_LITE: cargo build -p broker-lite" >&2; exit 1; }
: "${PEERS_CACHE:=$root/target/peers}"
mkdir -p "$PEERS_CACHE"
here=$root/tests/peers
work=$(mktemp -d)
broker_pid=
data=
codecs=(none gzip snappy lz4 zstd)

finish() {
  if [ -n "$broker_pid" ]; then
    kill -KILL "$broker_pid" 2>/dev/null || true
    wait "$broker_pid" 2>/dev/null || true
  fi
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
  # what they write may be older than what is kept
  RUST_LOG=${RUST_LOG:-info} "$BROKER_LITE" serve --port 0 -c log.retention.ms=-1 "$@" \
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

equal() { [ "$2" = "$3" ] || fail "$1"$'\n'"expected: $2"$'\n'"got:      $3"; }

install() {
  "$@" >"$work/install.log" 2>&1 && return
  "$@" >"$work/install.log" 2>&1 && return
  tail -5 "$work/install.log" >&2
  echo "$(basename "$0"): NOT RUN, could not be installed: $*"
  exit 77
}

venv() { # NAME PACKAGE==VERSION...: Python packages of their own, in $PEERS_CACHE/NAME
  local dir=$PEERS_CACHE/$1
  shift
  [ "$(cat "$dir/installed" 2>/dev/null)" != "$*" ] || return 0
  rm -rf "$dir"
  python3 -m venv "$dir" && "$dir/bin/pip" install -q "$@" && echo "$*" >"$dir/installed"
}

against() {
  prefix=$(basename "$0" .sh)-$$
  export PEERS_PREFIX=$prefix
  if [ $# -gt 0 ]; then
    bootstrap=$1
    export KAFKA_BOOTSTRAP_SERVERS=$bootstrap
  else
    data=$work/data
    broker --data "$data" -c auto.create.topics.enable=false
  fi
  seq -f 'line %06g of a text that any codec makes shorter' 1000 >"$work/lines"
  "$BROKER_LITE" topic create "$prefix-ours" >"$work/created"
  for codec in "${codecs[@]}"; do
    "$BROKER_LITE" produce "$prefix-ours" --compression "$codec" <"$work/lines"
  done
  [ -z "$data" ] || equal "the codecs that our client wrote" "$(seq 0 4)" \
    "$(stored "$data/$prefix-ours-0/00000000000000000000.log" | uniq)"
}

run() { timeout 120 "$@" 2>&1 | tee -a "$work/said" || fail "${*:1:2} failed"; }

ok() { echo "ok: $*" | tee -a "$work/said"; }

stored() { # FILE: the codec of each batch, bits 0 to 2 of its byte 22; bytes 8 to 11 are its length
  local at=0 size
  size=$(stat -c %s "$1")
  while [ "$at" -lt "$size" ]; do
    echo $(($(od -An -tu1 -j$((at + 22)) -N1 "$1") & 7))
    at=$((at + 12 + $(od -An -tu4 --endian=big -j$((at + 8)) -N4 "$1")))
  done
}

holds() { # TOPIC CODEC: each batch is in that codec, but for one: librdkafka leaves a batch alone
  # that would not get smaller
  local topic=$1 codec=$2 number right=0 plain=0
  for number in $(stored "$data/$topic-0/00000000000000000000.log"); do
    case ${codecs[$number]} in
      "$codec") right=$((right + 1)) ;;
      none) plain=$((plain + 1)) ;;
      *) fail "$topic: a batch is stored as ${codecs[$number]}" ;;
    esac
  done
  [ "$right" -ge 1 ] || fail "$topic: no batch is stored as $codec"
  [ "$plain" -le 1 ] || fail "$topic: $plain batches are stored as none"
}

wrote() {
  local codec
  for codec in "$@"; do
    "$BROKER_LITE" consume "$prefix-$codec" | cmp - "$work/lines" || fail "$codec: lines differ"
    [ -z "$data" ] || holds "$prefix-$codec" "$codec" # a broker elsewhere: its files are not ours
  done
}

taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_kafka() {
  local port
  mkdir -p "$work/kafka"
  for _ in 1 2 3; do
    port=$((20000 + RANDOM % 8000))
    ! taken "$port" && ! taken $((port + 1000)) || continue
    java=127.0.0.1:$port
    ! "$kafka" start "$work/kafka" "$port" "$@" || return 0
    stop_kafka KILL
  done
  fail "Apache Kafka does not start"
}

dump() { "$kafka" tool dump-log --deep-iteration --files "$1" 2>&1; }

damaged() { # the tool exits with 0
  grep -Eq 'Mismatches|isvalid: false|Found timestamp mismatch|out of order|Exception|partial|Could not' "$1"
}

files() { find "$1" -name "*.$2" | sort | paste -sd,; }

passed() {
  local exercised
  exercised=$(sed -n 's/^ok: //p' "$work/said" | awk '!seen[$0]++' | paste -sd, | sed 's/,\([^ ]\)/, \1/g')
  [ -z "$broker_pid" ] || stop
  [ -z "${PEERS_ROWS:-}" ] || echo "| $1 | $2 | $exercised | passed |" >>"$PEERS_ROWS"
  echo "$(basename "$0"): passed"
}
