#!/usr/bin/env bash
# Our client on Apache Kafka: one node from Maven packages, started here. A broker of ours beside it
# is asked what it serves, and goes through the same restarts. Takes no address; needs cargo.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export KAFKA_LIB=${KAFKA_LIB:-$root/kafka-lib} BROKER_LITE work
export KAFKA_JVM=${KAFKA_JVM:--Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}
export kafka=$here/kafka-from-maven/kafka.sh
trap 'stop_kafka; lite_stop KILL; finish' EXIT

tests=(--manifest-path "$root/Cargo.toml" -p ottla-tests)
ours() { cargo run -q "${tests[@]}" --bin "$@"; }

# What README says of either_broker, and the test that shows it.
claims=(
  "none, gzip, snappy, lz4, zstd=produce::each_codec_brings_back_every_byte_and_is_what_lies_in_the_log"
  "keys and headers=produce::keys_headers_tombstones_and_empty_values_come_back_as_they_were"
  "idempotence=produce::the_leader_remembers_who_wrote_idempotently_and_what_came_last"
  "by offset=consume::reading_starts_at_an_offset_at_either_end_and_where_a_seek_says"
  "by timestamp=times::a_time_leads_to_the_first_record_that_is_not_older"
  "admin=admin::a_created_topic_is_described_listed_and_gone_once_deleted"
  "configs=configs::a_topics_setting_is_set_checked_and_deleted_again"
  "delete records=admin::deleted_records_are_gone_and_the_rest_keep_their_offsets"
  "log dirs=admin::log_dirs_say_how_much_each_partition_takes"
  "offsets=times::an_admin_asks_for_all_of_them_at_once_and_each_has_its_answer"
  "elections=admin::the_only_replica_leads_and_stays_where_it_is"
  "quotas=admin::nobody_has_quotas_and_a_filter_without_sense_is_refused"
  "features=admin::features_have_the_levels_they_had_unless_another_is_possible"
  "quorum=admin::the_only_node_is_the_quorum"
  "unknown topic=refusals::an_unknown_topic_or_partition_is_named_and_nothing_is_written"
  "oversized record=refusals::a_record_that_the_topic_does_not_take_is_refused_alone"
)

stop_kafka() { "$kafka" stop "$work/kafka" KILL 2>/dev/null || true; }

# Both are for commands that `restarts` runs.
lite_stop() { # SIGNAL
  local pid state
  pid=$(cat "$work/lite.pid" 2>/dev/null) || return 0
  # it takes in no more before it is killed: so that what is on its way then has no answer
  [ "$1" != KILL ] || { kill -s STOP "$pid" 2>/dev/null && sleep 0.2; }
  kill -s "$1" "$pid" 2>/dev/null || return 0
  # ended, or a zombie whose parent does not look
  while read -r _ _ state _ 2>/dev/null <"/proc/$pid/stat" && [ "$state" != Z ]; do sleep 0.02; done
}
lite_start() { # PORT: on disk; prints its address when it serves
  : >"$work/ready"
  "$BROKER_LITE" serve --port "$1" --data "$work/lite" >"$work/ready" 2>>"$work/broker.log" </dev/null &
  echo $! >"$work/lite.pid"
  for _ in $(seq 1500); do
    [ ! -s "$work/ready" ] || break
    kill -0 "$(cat "$work/lite.pid")" || return 1
    sleep 0.02
  done
  [ -s "$work/ready" ] || { echo "broker-lite is not ready within 30 s" >&2; return 1; }
  sed 's/.*"bootstrap":"\([^"]*\)".*/\1/' "$work/ready"
}
export -f lite_stop lite_start

[ -e "$KAFKA_LIB/log4j2-tool.properties" ] || install "$kafka" fetch
version=$(find "$KAFKA_LIB" -name 'kafka-clients-*.jar' | sed 's/.*clients-\(.*\)\.jar/\1/')
cargo build -q "${tests[@]}" --bins || fail "the programs of ottla-tests do not build"
cargo test -q "${tests[@]}" --test either_broker --no-run || fail "the test either_broker does not build"
start_kafka auto.create.topics.enable=false
lite=$(lite_start 0) || fail "broker-lite does not start"

ours api_versions "$java" "$lite" | tee -a "$work/said" || fail "the brokers serve other versions"
OTTLA_TEST_BOOTSTRAP=$java timeout 300 cargo test "${tests[@]}" --test either_broker -- --show-output \
  >"$work/tested" 2>&1 || fail "$(cat "$work/tested")"
grep -E '^(the brokers differ|test result)' "$work/tested"
for claim in "${claims[@]}"; do
  grep -qF "test ${claim#*=} ... ok" "$work/tested" || fail "no test shows ${claim%%=*}: ${claim#*=}"
  ok "${claim%%=*}"
done
echo "-- restarts of Apache Kafka"
ours restarts "$java" '"$kafka" stop "$work/kafka" KILL' '"$kafka" restart "$work/kafka"' \
  '"$kafka" stop "$work/kafka" TERM' '"$kafka" restart "$work/kafka"' || fail "restarts of Apache Kafka"
echo "-- restarts of broker-lite"
again="sleep 2; lite_start ${lite##*:}" # away for long enough that some give up
ours restarts "$lite" 'lite_stop KILL' "$again" 'lite_stop TERM' "$again" || fail "restarts of broker-lite"
ok "killed and stopped under load"
passed "ottla, on Apache Kafka" "$version"
