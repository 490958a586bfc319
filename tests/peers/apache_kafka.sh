#!/usr/bin/env bash
# Our client on Apache Kafka: one node from Maven packages, started here. A broker of ours beside it
# is asked what it serves, and goes through the same restarts. Takes no address; needs cargo.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export KAFKA_LIB=${KAFKA_LIB:-$root/kafka-lib} BROKER_LITE work
export KAFKA_JVM=${KAFKA_JVM:--Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}
export kafka=$here/kafka-from-maven/kafka.sh
trap 'stop_kafka; lite_stop KILL; finish' EXIT

ours() { cargo run -q --manifest-path "$root/Cargo.toml" -p ottla-tests --bin "$@"; }

start_kafka() { # on a free port; sets $java
  local port
  mkdir -p "$work/kafka"
  for _ in 1 2 3; do
    port=$((20000 + RANDOM % 8000))
    ! taken "$port" && ! taken $((port + 1000)) || continue
    java=127.0.0.1:$port
    ! "$kafka" start "$work/kafka" "$port" auto.create.topics.enable=false || return 0
    stop_kafka
  done
  fail "Apache Kafka does not start"
}
stop_kafka() { "$kafka" stop "$work/kafka" KILL 2>/dev/null || true; }
taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Both are for commands that `restarts` runs.
lite_stop() { # SIGNAL
  local pid state
  pid=$(cat "$work/lite.pid" 2>/dev/null) || return 0
  kill -s "$1" "$pid" 2>/dev/null || return 0
  # ended, or a zombie whose parent does not look
  while read -r _ _ state _ 2>/dev/null <"/proc/$pid/stat" && [ "$state" != Z ]; do sleep 0.02; done
}
lite_start() { # PORT: on disk; prints its address when it serves
  : >"$work/ready"
  "$BROKER_LITE" serve --port "$1" --data "$work/lite" >"$work/ready" 2>>"$work/broker.log" </dev/null &
  echo $! >"$work/lite.pid"
  until [ -s "$work/ready" ]; do
    kill -0 "$(cat "$work/lite.pid")" || return 1
    sleep 0.02
  done
  sed 's/.*"bootstrap":"\([^"]*\)".*/\1/' "$work/ready"
}
export -f lite_stop lite_start

[ -e "$KAFKA_LIB/log4j2-tool.properties" ] || install "$kafka" fetch
version=$(find "$KAFKA_LIB" -name 'kafka-clients-*.jar' | sed 's/.*clients-\(.*\)\.jar/\1/')
start_kafka
lite=$(lite_start 0)

ours api_versions "$java" "$lite" | tee -a "$work/said" || fail "the brokers serve other versions"
OTTLA_TEST_BOOTSTRAP=$java timeout 300 cargo test -q --manifest-path "$root/Cargo.toml" \
  -p ottla-tests --test either_broker -- --show-output >"$work/tested" 2>&1 ||
  fail "$(cat "$work/tested")"
grep -E '^(the brokers differ|test result)' "$work/tested"
for words in "${codecs[@]}" "keys and headers" idempotence "by offset" "by timestamp" admin configs \
  "delete records" "log dirs" "unknown topic" "oversized record"; do
  ok "$words"
done
echo "-- restarts of Apache Kafka"
ours restarts "$java" '"$kafka" stop "$work/kafka" KILL' '"$kafka" restart "$work/kafka"' \
  '"$kafka" stop "$work/kafka" TERM' '"$kafka" restart "$work/kafka"' || fail "restarts of Apache Kafka"
echo "-- restarts of broker-lite"
again="sleep 2; lite_start ${lite##*:}" # away for long enough that some give up
ours restarts "$lite" 'lite_stop KILL' "$again" 'lite_stop TERM' "$again" || fail "restarts of broker-lite"
ok "killed and stopped under load"
passed "ottla, on Apache Kafka" "$version"
