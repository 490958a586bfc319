#!/usr/bin/env bash
# kcat (librdkafka): metadata, every codec, keys, headers, offsets, timestamps.
# Usage: kcat.sh [HOST:PORT]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

k() { timeout 60 kcat -b "$bootstrap" -q "$@"; }

get() { apt-get update -qq && apt-get install -y -qq kcat; }

command -v kcat >"$work/path" || install get
against "$@"
topics=(records acks times "${codecs[@]}")
for topic in "${topics[@]}"; do "$BROKER_LITE" topic create "$prefix-$topic" >"$work/created"; done
for topic in three same; do
  "$BROKER_LITE" topic create "$prefix-$topic" --partitions 3 >"$work/created"
done

# -L
timeout 60 kcat -b "$bootstrap" -L >"$work/list"
grep -q "broker [0-9]* at $bootstrap" "$work/list" || fail "-L lacks the broker: $(cat "$work/list")"
grep -q "topic \"$prefix-three\" with 3 partitions" "$work/list" || fail "-L lacks a topic: $(cat "$work/list")"
[ "$(grep -c 'leader [0-9]*, replicas' "$work/list")" -ge 4 ] || fail "-L: a partition has no leader"
ok "list"

# -P and -C with each codec, and what our client stored (librdkafka leaves a lone record alone)
for codec in "${codecs[@]}"; do
  k -P -t "$prefix-$codec" -z "$codec" <"$work/lines"
  k -C -t "$prefix-$codec" -o beginning -e | cmp "$work/lines" - || fail "$codec: lines differ"
  cat "$work/lines" >>"$work/expected"
  ok "$codec"
done
wrote "${codecs[@]}"
k -C -t "$prefix-ours" -o beginning -e | cmp "$work/expected" - ||
  fail "written by our client: lines differ"

# keys, headers (repeated, in order), a tombstone, offsets, timestamps
before=$(date +%s%3N)
printf 'ann:one\nbob:two\n' | k -P -t "$prefix-records" -K: -H a=1 -H b=2 -H a=3
printf 'cay:\n' | k -P -t "$prefix-records" -K: -Z
after=$(date +%s%3N)
equal "keys, values, headers, offsets" \
  $'0 ann one a=1,b=2,a=3 3\n1 bob two a=1,b=2,a=3 3\n2 cay   -1' \
  "$(k -C -t "$prefix-records" -o beginning -e -f '%o %k %s %h %S\n' | sed 's/ -1$/ -1/')"
for ms in $(k -C -t "$prefix-records" -o beginning -e -f '%T\n'); do
  [ "$ms" -ge "$before" ] && [ "$ms" -le "$after" ] || fail "timestamp $ms is not in $before..$after"
done
echo '{"key":"dan","value":"four","timestamp":1234567890123,"headers":[["h",null],["h","x"]]}' |
  "$BROKER_LITE" produce "$prefix-records" --format json
equal "a record of our client" '3 dan four h=NULL,h=x 1234567890123' \
  "$(k -C -t "$prefix-records" -o 3 -c 1 -f '%o %k %s %h %T\n')"
equal "from an offset" $'1\n2\n3' "$(k -C -t "$prefix-records" -o 1 -e -f '%o\n')"
equal "the last two" $'2\n3' "$(k -C -t "$prefix-records" -o -2 -e -f '%o\n')"

ok "keys and headers"
ok "by offset"

# from a time on
for i in 0 1 2 3; do
  echo "{\"value\":\"$i\",\"timestamp\":$((1700000000000 + i * 1000))}"
done | "$BROKER_LITE" produce "$prefix-times" --format json
equal "between two" $'2\n3' "$(k -C -t "$prefix-times" -o s@1700000001500 -e -f '%o\n')"
equal "exactly one" $'3' "$(k -C -t "$prefix-times" -o s@1700000003000 -e -f '%o\n')"
equal "until a time" $'0\n1' "$(k -C -t "$prefix-times" -o s@0 -o e@1700000001500 -e -f '%o\n')"
ok "by timestamp"

# partitions by key: the same key, the same partition, and none is lost
seq 3000 | sed 's/.*/k&:v&/' | k -P -t "$prefix-three" -K: -X partitioner=murmur2_random
equal "over three partitions" 3000 "$(k -C -t "$prefix-three" -o beginning -e -f '%k\n' | sort -u | wc -l)"
for p in 0 1 2; do
  k -C -t "$prefix-three" -p "$p" -o beginning -e -f '%k\n' | sort >"$work/kcat-$p"
done
seq 3000 | sed 's/.*/k&:v&/' | "$BROKER_LITE" produce "$prefix-same" --key-separator :
for p in 0 1 2; do
  k -C -t "$prefix-same" -p "$p" -o beginning -e -f '%k\n' | sort | cmp - "$work/kcat-$p" ||
    fail "our client puts other keys in partition $p than murmur2 of librdkafka"
done

# acks and idempotence
for acks in 0 1 -1; do
  seq 100 | k -P -t "$prefix-acks" -X acks="$acks"
done
seq 100 | k -P -t "$prefix-acks" -X enable.idempotence=true
equal "acks 0, 1, all and idempotent" 400 "$(k -C -t "$prefix-acks" -o beginning -e | wc -l)"

ok "idempotence"

# errors
says() { # WHAT EXPECTED ARGS...: kcat must fail, and say that
  local what=$1 expected=$2
  shift 2
  ! timeout 60 kcat -b "$bootstrap" "$@" >"$work/out" 2>&1 || fail "$what: no error"
  grep -q "$expected" "$work/out" || fail "$what: $(cat "$work/out")"
}
echo x | says "an unknown topic" 'Unknown topic or partition' -P -t "$prefix-missing" \
  -X topic.metadata.propagation.max.ms=500
says "an unknown topic" 'Unknown topic or partition' -C -t "$prefix-missing" -e
ok "unknown topic"
head -c 2000000 /dev/urandom | base64 -w 0 >"$work/large"
says "an oversized record" 'Message size too large' -P -t "$prefix-acks" \
  -X message.max.bytes=5000000 "$work/large"
ok "oversized record"

if [ -n "$data" ]; then
  stop
  broker --data "$data"
  equal "after a restart" 4 "$(k -C -t "$prefix-records" -o beginning -e | wc -l)"
fi
passed kcat "$(kcat -V | sed -n 's/^Version \([^ ]*\).*\(librdkafka [^ ]*\).*/\1, \2/p')"
