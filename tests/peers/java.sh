#!/usr/bin/env bash
# Apache Kafka's own tools. Their consumers join groups unless a partition is named, so that is
# how they read here. Usage: java.sh [HOST:PORT]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export KAFKA_LIB=${KAFKA_LIB:-$root/kafka-lib}
kafka=$here/kafka-from-maven/kafka.sh

tool() { # NAME ARGS...: fails if the tool does, and shows what it said
  local name=$1
  shift
  timeout 90 "$kafka" tool "$name" --bootstrap-server "$bootstrap" "$@" >"$work/out" 2>"$work/err" ||
    fail "$name $*: $(cat "$work/out" "$work/err")"
  cat "$work/out"
}
says() { # WHAT EXPECTED: the last tool printed that
  grep -q -- "$2" "$work/out" "$work/err" || fail "$1: no '$2' in: $(cat "$work/out" "$work/err")"
}
consume() { # TOPIC COUNT ARGS...
  local topic=$1 count=$2
  shift 2
  tool console-consumer --topic "$prefix-$topic" --partition 0 --max-messages "$count" \
    --timeout-ms 30000 "$@"
}
offset() { tool get-offsets --topic "$prefix-times" --time "$1" | cut -d: -f3; }

[ -e "$KAFKA_LIB/log4j2-tool.properties" ] || install "$kafka" fetch
version=$(find "$KAFKA_LIB" -name 'kafka-clients-*.jar' | sed 's/.*clients-\(.*\)\.jar/\1/')
against "$@"

tool topics --create --topic "$prefix-three" --partitions 3 --config max.message.bytes=10000 \
  >/dev/null
tool topics --describe --topic "$prefix-three" >"$work/described"
equal "partitions" 3 "$(grep -c 'Leader: [0-9].*Isr: [0-9]' "$work/described")"
grep -q 'max.message.bytes=10000' "$work/described" || fail "describe: $(cat "$work/described")"
! "$kafka" tool topics --bootstrap-server "$bootstrap" --create --topic "$prefix-three" >"$work/out" 2>&1 ||
  fail "created twice"
says "created twice" TopicExistsException
tool topics --alter --topic "$prefix-three" --partitions 4
tool topics --list | grep -qx "$prefix-three" || fail "not listed"
for topic in "${codecs[@]}" keyed times verifiable perf; do
  "$BROKER_LITE" topic create "$prefix-$topic" >/dev/null
done
ok kafka-topics

for codec in "${codecs[@]}"; do
  tool console-producer --topic "$prefix-$codec" --compression-codec "$codec" <"$work/lines"
  ok "$codec"
done
wrote "${codecs[@]}"
for codec in "${codecs[@]}"; do cat "$work/lines"; done >"$work/expected"
consume ours 5000 --offset earliest | cmp - "$work/expected" || fail "written by our client: lines differ"
printf 'a:1,a:2\tann\tone\n' | tool console-producer --topic "$prefix-keyed" \
  --reader-property parse.headers=true --reader-property parse.key=true
printf 'ann:NULL\n' | tool console-producer --topic "$prefix-keyed" \
  --reader-property parse.key=true --reader-property key.separator=: --reader-property null.marker=NULL
equal "keys and headers" $'a:1,a:2\tann\tone\nNO_HEADERS\tann\tnull' \
  "$(consume keyed 2 --offset earliest --formatter-property print.key=true \
    --formatter-property print.headers=true)"
equal "from an offset" "$(tail -1 "$work/lines")" "$(consume none 1 --offset 999)"
ok "keys and headers"
ok "by offset"

tool verifiable-producer --topic "$prefix-verifiable" --max-messages 1000 --acks -1 >/dev/null
says "verifiable producer" '"acked":1000'
consume verifiable 1000 --offset earliest | cmp - <(seq 0 999) || fail "verifiable producer: lines differ"
ok "idempotence"
ok "verifiable producer"
tool producer-perf-test --topic "$prefix-perf" --num-records 20000 --record-size 100 --throughput -1 \
  --command-property acks=all compression.type=lz4 >/dev/null
says "producer perf" '^20000 records sent'
ok "producer perf"

for i in 0 1 2 3; do
  echo "{\"value\":\"$i\",\"timestamp\":$((1700000000000 + i * 1000))}"
done | "$BROKER_LITE" produce "$prefix-times" --format json
equal "the beginning" 0 "$(offset earliest)"
equal "the end" 4 "$(offset latest)"
equal "the latest time" 3 "$(offset max-timestamp)"
equal "between two" 2 "$(offset 1700000001500)"
ok "kafka-get-offsets"
ok "by timestamp"

unknown=(--topic "$prefix-missing" --command-property max.block.ms=2000)
echo x | tool console-producer "${unknown[@]}"
says "an unknown topic" "Topic $prefix-missing not present in metadata"
ok "unknown topic"
! head -c 15000 /dev/urandom | base64 -w 0 | "$kafka" tool console-producer --sync \
  --bootstrap-server "$bootstrap" --topic "$prefix-three" >"$work/out" 2>&1 || fail "an oversized record"
says "an oversized record" RecordTooLargeException
ok "oversized record"

times=(--entity-type topics --entity-name "$prefix-times")
tool configs --alter "${times[@]}" --add-config max.message.bytes=5000 >/dev/null
tool configs --describe "${times[@]}" >/dev/null
says "configs" 'max.message.bytes=5000'
tool configs --alter "${times[@]}" --delete-config max.message.bytes >/dev/null
tool configs --describe "${times[@]}" >"$work/described"
! grep -q max.message.bytes "$work/described" || fail "configs: $(cat "$work/described")"
ok kafka-configs
printf '{"version":1,"partitions":[{"topic":"%s","partition":0,"offset":2}]}' "$prefix-times" \
  >"$work/trim"
tool delete-records --offset-json-file "$work/trim" >/dev/null
says "delete records" 'low_watermark: 2'
equal "the new beginning" 2 "$(offset earliest)"
ok kafka-delete-records
tool log-dirs --describe --topic-list "$prefix-perf" >/dev/null
says "log dirs" "\"partition\":\"$prefix-perf-0\",\"size\":[1-9]"
ok kafka-log-dirs
tool topics --delete --topic "$prefix-three"
tool topics --list >"$work/listed"
! grep -qx "$prefix-three" "$work/listed" || fail "still listed"
passed "Apache Kafka's tools" "$version"
