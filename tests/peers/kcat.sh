#!/usr/bin/env bash
# kcat (librdkafka) against our broker: metadata, every codec, keys, headers, offsets, timestamps.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

equal() { # WHAT EXPECTED GOT
  [ "$2" = "$3" ] || fail "$1"$'\n'"expected: $2"$'\n'"got:      $3"
}
codecs() { # FILE: the codec of each batch, bits 0 to 2 of its byte 22; bytes 8 to 11 are its length
  local at=0 size
  size=$(stat -c %s "$1")
  while [ "$at" -lt "$size" ]; do
    echo $(($(od -An -tu1 -j$((at + 22)) -N1 "$1") & 7))
    at=$((at + 12 + $(od -An -tu4 --endian=big -j$((at + 8)) -N4 "$1")))
  done
}
k() { timeout 60 kcat -b "$bootstrap" -q "$@"; }

data=$work/data
broker --data "$data" --topic records:1 --topic three:3

# -L
timeout 60 kcat -b "$bootstrap" -L >"$work/list"
grep -q "broker [0-9]* at $bootstrap" "$work/list" || fail "-L lacks the broker: $(cat "$work/list")"
grep -q 'topic "three" with 3 partitions' "$work/list" || fail "-L lacks a topic: $(cat "$work/list")"
[ "$(grep -c 'leader [0-9]*, replicas' "$work/list")" -ge 4 ] || fail "-L: a partition has no leader"

# -P and -C with each codec; the stored batch carries it (librdkafka leaves a lone record alone)
seq -f 'line %06g of a text that any codec makes shorter' 5000 >"$work/lines"
number=0
for codec in none gzip snappy lz4 zstd; do
  k -P -t "codec-$codec" -z "$codec" <"$work/lines"
  k -C -t "codec-$codec" -o beginning -e >"$work/back"
  cmp "$work/lines" "$work/back" || fail "$codec: lines differ"
  log=$data/codec-$codec-0/00000000000000000000.log
  equal "$codec: codec stored" "$number" "$(codecs "$log" | sort -u | tail -1)"
  number=$((number + 1))
  # and what our own client stores, kcat reads
  "$BROKER_LITE" produce "ours-$codec" --compression "$codec" <"$work/lines"
  k -C -t "ours-$codec" -o beginning -e >"$work/back"
  cmp "$work/lines" "$work/back" || fail "ours, $codec: lines differ"
done

# keys, headers (repeated, in order), a tombstone, offsets, timestamps
before=$(date +%s%3N)
printf 'ann:one\nbob:two\n' | k -P -t records -K: -H a=1 -H b=2 -H a=3
printf 'cay:\n' | k -P -t records -K: -Z
after=$(date +%s%3N)
equal "keys, values, headers, offsets" \
  $'0 ann one a=1,b=2,a=3 3\n1 bob two a=1,b=2,a=3 3\n2 cay   -1' \
  "$(k -C -t records -o beginning -e -f '%o %k %s %h %S\n' | sed 's/ -1$/ -1/')"
for ms in $(k -C -t records -o beginning -e -f '%T\n'); do
  [ "$ms" -ge "$before" ] && [ "$ms" -le "$after" ] || fail "timestamp $ms is not in $before..$after"
done
echo '{"key":"dan","value":"four","timestamp":1234567890123,"headers":[["h",null],["h","x"]]}' |
  "$BROKER_LITE" produce records --format json
equal "a record of our client" '3 dan four h=NULL,h=x 1234567890123' \
  "$(k -C -t records -o 3 -c 1 -f '%o %k %s %h %T\n')"
equal "from an offset" $'1\n2\n3' "$(k -C -t records -o 1 -e -f '%o\n')"
equal "the last two" $'2\n3' "$(k -C -t records -o -2 -e -f '%o\n')"

# partitions by key: the same key, the same partition, and none is lost
seq 3000 | sed 's/.*/k&:v&/' | k -P -t three -K: -X partitioner=murmur2_random
equal "over three partitions" 3000 "$(k -C -t three -o beginning -e -f '%k\n' | sort -u | wc -l)"
for p in 0 1 2; do
  k -C -t three -p "$p" -o beginning -e -f '%k\n' | sort >"$work/kcat-$p"
done
"$BROKER_LITE" topic create same --partitions 3
seq 3000 | sed 's/.*/k&:v&/' | "$BROKER_LITE" produce same --key-separator :
for p in 0 1 2; do
  k -C -t same -p "$p" -o beginning -e -f '%k\n' | sort | cmp - "$work/kcat-$p" ||
    fail "our client puts other keys in partition $p than murmur2 of librdkafka"
done

# acks and idempotence
for acks in 0 1 -1; do
  seq 100 | k -P -t "acks" -X acks="$acks"
done
seq 100 | k -P -t acks -X enable.idempotence=true
equal "acks 0, 1, all and idempotent" 400 "$(k -C -t acks -o beginning -e | wc -l)"

# a restart keeps it
stop
broker --data "$data"
equal "after a restart" 4 "$(k -C -t records -o beginning -e | wc -l)"
stop
echo "kcat.sh: passed"
