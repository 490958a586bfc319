#!/usr/bin/env bash
# Folders of partitions go from Apache Kafka to our broker and back: what a reader sees has to be the
# same on both sides, to the byte, after a clean stop and after a crash that took every index along.
# Kafka must find nothing to complain about. Needs a JDK and cargo.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export KAFKA_LIB=${KAFKA_LIB:-$root/kafka-lib}
export KAFKA_JVM=${KAFKA_JVM:--Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}
kafka=$here/kafka-from-maven/kafka.sh
trap 'stop_kafka KILL; finish' EXIT

theirs=(plain codecs transactions open compacted) # what Exchange.java writes
ours=(written ended squeezed)                     # what is written on our side
all=("${theirs[@]}" "${ours[@]}")

exchange() { # write|read HOST:PORT [TOPIC ...]
  timeout 120 java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$KAFKA_LIB/*" \
    -Dlog4j2.configurationFile="$KAFKA_LIB/log4j2-tool.properties" \
    "$here/java/Exchange.java" "$@" || fail "Exchange.java $*"
}
stop_kafka() { "$kafka" stop "$work/kafka" "${1:-TERM}" 2>/dev/null || true; }
same() { # WHAT FILE FILE: the latter as the former
  cmp -s "$2" "$3" || fail "$1: $(diff "$2" "$3" | head -20)"
}
put() { # FROM TO TOPIC ...: folders from one data directory to another, whose topic ids they get
  local from=$1 to=$2 topic
  shift 2
  for topic in "$@"; do
    cp "$to/$topic-0/partition.metadata" "$work/id"
    rm -r "$to/$topic-0"
    cp -a "$from/$topic-0" "$to"
    mv "$work/id" "$to/$topic-0/partition.metadata"
  done
}
crashed() { # DATA TOPIC ...: as if it had lost what can be made anew
  local data=$1 topic
  shift
  rm -f "$data"/{.kafka_cleanshutdown,recovery-point-offset-checkpoint,replication-offset-checkpoint}
  for topic in "$@"; do
    rm -f "$data/$topic-0"/{*.index,*.timeindex,*.txnindex,*.snapshot,leader-epoch-checkpoint}
  done
}
indexes() { # DATA TOPIC ...: checksums of all indexes that hold something
  (cd "$1" && shift && find "${@/%/-0}" -size +0 -name '*.*index' | sort | xargs sha256sum)
}
create() { # TOPIC SETTING ...: on our broker
  local topic=$1
  shift
  "$BROKER_LITE" topic create "$topic" -c retention.ms=-1 "${@/#/-c}" >/dev/null
}
verify() { # DATA
  "$BROKER_LITE" log verify --all "$@" >"$work/verified" || fail "log verify $*: $(cat "$work/verified")"
}
producers() { # SNAPSHOT: what it says of each
  "$BROKER_LITE" log dump "$1" | sed 1d | sort
}
committed() { # HOST:PORT TOPIC: Kafka's console consumer sees what $work/ours.txt says
  sed -n "s/^$2 read_committed \([0-9]*\) .* '\([^']*\)' $/Offset:\1\t\2/p" "$work/ours.txt" >"$work/expected"
  timeout 60 "$kafka" tool console-consumer --bootstrap-server "$1" --topic "$2" --partition 0 --offset earliest \
    --isolation-level read_committed --max-messages "$(wc -l <"$work/expected")" --timeout-ms 30000 \
    --formatter-property print.offset=true >"$work/consumed" 2>"$work/err" || fail "$(cat "$work/err")"
  same "committed records of $2, by the console consumer" "$work/expected" "$work/consumed"
}
emptied() { # DUMPED: without the mismatches of the last batches of producers that our cleaner has
  # emptied, as Kafka's does: the tool looks for their timestamps in records
  awk '/^Found timestamp mismatch/ { head = $0; next }
    head == "" || !/^  Index timestamp/ { head = ""; print; next }
    !(head ~ /squeezed-0/ && /log timestamp: -1$/) { print head; print }' "$1"
}
is_squeezed() { # our cleaner has come to the last segment
  local to last
  to=$(awk '$1 == "squeezed" { print $3 }' "$data/cleaner-offset-checkpoint" 2>/dev/null)
  last=$(find "$data/squeezed-0" -name '*.log' | sort | tail -1)
  [ -n "$to" ] && [ "$to" = "$((10#$(basename "$last" .log)))" ]
}
lines() { # FROM TO: JSON for produce
  seq "$1" "$(($2 - 1))" | awk '{ printf "{\"key\":\"k%d\",\"value\":\"%d some words\",\"headers\":[[\"h\",\"%d\"]]}\n", $1 % 50, $1, $1 }'
}
complaints() { # the last start of Kafka had nothing to say of our topics
  local topic
  for topic in "${all[@]}"; do
    ! grep -E 'WARN|ERROR' "$work/kafka/server.log" | grep -E "\b$topic-0" >"$work/said" ||
      fail "Apache Kafka: $(head -5 "$work/said")"
  done
}

[ -e "$KAFKA_LIB/log4j2-tool.properties" ] || install "$kafka" fetch
version=$(find "$KAFKA_LIB" -name 'kafka-clients-*.jar' | sed 's/.*clients-\(.*\)\.jar/\1/')
# all but the first so that nothing is forgotten or cleaned at the wrong moment
start_kafka auto.create.topics.enable=false log.cleaner.backoff.ms=100 producer.id.expiration.ms=2147483647
exchange write "$java"
for topic in "${ours[@]}"; do # their folders come later
  "$BROKER_LITE" topic create "$topic" -b "$java" -c retention.ms=-1 \
    -c "index.interval.bytes=$([ "$topic" = ended ] && echo 200 || echo 4096)" >/dev/null
done
exchange read "$java" "${theirs[@]}" >"$work/kafka.txt"
for topic in "${theirs[@]}"; do "$BROKER_LITE" consume "$topic" -b "$java" -o json; done >"$work/kafka.json"
verify "$work/kafka/data" # while it runs
stop_kafka
verify "$work/kafka/data"
ok "log verify"
kafka_data=$work/kafka-data
cp -a "$work/kafka/data" "$kafka_data"

# from Apache Kafka to us. What is made anew from its batches after a crash is what it was.
data=$work/data
broker --data "$data"
for topic in plain codecs transactions open; do create "$topic" internal.segment.bytes=16384; done
create compacted cleanup.policy=compact internal.segment.bytes=16384
stop
cp "$kafka_data/cleaner-offset-checkpoint" "$data" # else gaps would be damage
serves() { # WHAT
  broker --data "$data"
  exchange read "$bootstrap" "${theirs[@]}" >"$work/ours.txt"
  same "Kafka's folders, $1" "$work/kafka.txt" "$work/ours.txt"
  for topic in "${theirs[@]}"; do "$BROKER_LITE" consume "$topic" -o json; done >"$work/ours.json"
  same "Kafka's folders, $1, to our client" "$work/kafka.json" "$work/ours.json"
}
put "$kafka_data" "$data" "${theirs[@]}"
crashed "$data" "${theirs[@]}"
serves crash
stop
verify "$data"
whole=(plain codecs transactions open) # Kafka's cleaner leaves entries whose records are gone
indexes "$kafka_data" "${whole[@]}" >"$work/kafka.sums"
indexes "$data" "${whole[@]}" >"$work/ours.sums"
same "indexes made anew" "$work/kafka.sums" "$work/ours.sums"
for topic in "${theirs[@]}"; do
  name=$(cd "$kafka_data" && find "$topic-0" -name '*.snapshot' | sort | tail -1)
  producers "$kafka_data/$name" >"$work/kafka.producers"
  producers "$data/$name" >"$work/ours.producers"
  same "$name made anew" "$work/kafka.producers" "$work/ours.producers"
done
put "$kafka_data" "$data" "${theirs[@]}"
serves clean
ok "Kafka's folders on broker-lite" && ok "each codec" && ok compacted && ok "aborted and open transactions"

# from us to Apache Kafka: what we append to its folders, and folders of our own. Kafka
# forgets leader epochs that are yet to come: it has to have begun as many as we have.
create written internal.segment.bytes=16384
create ended internal.segment.bytes=16384
lines 0 500 | "$BROKER_LITE" produce plain --format json
lines 0 500 | "$BROKER_LITE" produce open --format json # behind a transaction that is open
for codec in "${codecs[@]}"; do
  lines 0 400 | "$BROKER_LITE" produce written --format json --compression "$codec"
done
create squeezed cleanup.policy=compact min.cleanable.dirty.ratio=0 internal.segment.bytes=16384
for codec in "${codecs[@]}"; do
  lines 0 1000 | "$BROKER_LITE" produce squeezed --format json --compression "$codec"
done
stop KILL
broker --data "$data" -c log.cleaner.backoff.ms=100
for _ in $(seq 300); do ! is_squeezed || break; sleep 0.1; done
is_squeezed || fail "our cleaner does not come to an end"
left=$("$BROKER_LITE" consume squeezed -o json | wc -l)
[ "$left" -ge 50 ] && [ "$left" -lt 2500 ] || fail "$left of 5000 records with 50 keys are left"
ok "compacted by us"
lines 500 900 | "$BROKER_LITE" produce written --format json
for at in 900 910 920 930; do # each in a leader epoch of its own
  stop KILL
  broker --data "$data"
  lines $at $((at + 10)) | "$BROKER_LITE" produce written --format json
done
stop
OTTLA_LOG_DIR=$work/out cargo test -q --manifest-path "$root/Cargo.toml" -p broker-lite --lib \
  a_log_with_transactions_is_written -- --ignored >"$work/tested" 2>&1 || fail "$(cat "$work/tested")"
mv "$work/out/t-0" "$work/out/ended-0"
put "$work/out" "$data" ended
broker --data "$data"
exchange read "$bootstrap" "${all[@]}" >"$work/ours.txt"
for topic in "${all[@]}"; do "$BROKER_LITE" consume "$topic" -o json; done >"$work/ours.json"
committed "$bootstrap" transactions
stop
verify "$data"
[ "$(find "$data/written-0" "$data/ended-0" -name '*.log' | wc -l)" -ge 10 ] || fail "nothing rolled"

# Kafka's dump tool on them
for ending in log index timeindex txnindex snapshot; do
  dump "$(files "$data" "$ending" | tr , '\n' | grep -v /__ | paste -sd,)" >"$work/dumped"
  [ "$ending" != timeindex ] || { emptied "$work/dumped" >"$work/left" && mv "$work/left" "$work/dumped"; }
  grep -q '^Dumping' "$work/dumped" || fail "the tool did not run: $(cat "$work/dumped")"
  ! damaged "$work/dumped" || fail "$ending: $(grep -v '^|' "$work/dumped" | tail -20)"
  [ "$ending" != txnindex ] || aborted=$(grep -c 'lastStableOffset: [0-9]' "$work/dumped")
  [ "$ending" != snapshot ] || open=$(grep -Ec 'currentTxnFirstOffset: OptionalLong.[0-9]' "$work/dumped")
done
for topic in "${all[@]}"; do "$BROKER_LITE" log dump "$data/$topic-0"; done >"$work/dumped"
equal "aborted transactions that the tool sees" "$(grep -c ' last_stable_offset=' "$work/dumped")" "$aborted"
equal "open transactions that the tool sees" "$(grep -c ' transaction_start_offset=' "$work/dumped")" "$open"
[ "$aborted" -ge 20 ] && [ "$open" -ge 2 ] || fail "$aborted aborted, $open open transactions"
ok kafka-dump-log

# Kafka looks for a time in one segment: not behind one in which a cleaner has left an empty batch
no_time() { sed -i '/^squeezed read_[a-z]* time 0: /d' "$1"; }
no_time "$work/ours.txt"
is_behind() { # some topic has had fewer leader epochs on Kafka than on our side
  local topic ours
  for topic in "${all[@]}"; do
    ours=$(tail -n 1 "$data/$topic-0/leader-epoch-checkpoint" | cut -d' ' -f1)
    [ "$("$BROKER_LITE" topic describe "$topic" -b "$java" -o json |
      sed 's/.*"leader_epoch":\([0-9]*\).*/\1/')" -ge "$ours" ] || return 0
  done
  return 1
}
[ "$(tail -n +3 "$data/written-0/leader-epoch-checkpoint" | wc -l)" -ge 5 ] || fail "few leader epochs"
for _ in $(seq 10); do
  "$kafka" restart "$work/kafka"
  is_behind || break
  stop_kafka
done
! is_behind || fail "Apache Kafka does not begin leader epochs"
stop_kafka
for kind in clean crash; do
  put "$data" "$work/kafka/data" "${all[@]}"
  [ "$kind" = clean ] || crashed "$work/kafka/data" "${all[@]}"
  "$kafka" restart "$work/kafka"
  exchange read "$java" "${all[@]}" >"$work/kafka.txt"
  no_time "$work/kafka.txt"
  same "our folders, $kind" "$work/ours.txt" "$work/kafka.txt"
  for topic in "${all[@]}"; do "$BROKER_LITE" consume "$topic" -b "$java" -o json; done >"$work/kafka.json"
  same "our folders, $kind, to our client" "$work/ours.json" "$work/kafka.json"
  [ "$kind" = clean ] || committed "$java" ended
  stop_kafka
  complaints
done
indexes "$work/kafka/data" codecs transactions ended >"$work/kafka.sums"
indexes "$data" codecs transactions ended >"$work/ours.sums"
# (where we append after a start, what is indexed depends on when that was)
same "our indexes and those that Kafka makes" "$work/ours.sums" "$work/kafka.sums"
ok "our folders on Kafka" && ok "the same indexes made anew after a crash"

# what says that all is in order can say otherwise
bad=$(find "$data/transactions-0" -name '*.txnindex' | sort | head -1)
printf '\x01' | dd of="$bad" bs=1 seek=9 conv=notrunc status=none # another producer
! "$BROKER_LITE" log verify "$data" >"$work/verified" 2>&1 || fail "log verify passed a damaged $bad"
grep -q "$(basename "$bad"): byte 0: no marker at" "$work/verified" || fail "log verify: $(cat "$work/verified")"
passed "Apache Kafka's partition folders, and ours on it" "$version"
