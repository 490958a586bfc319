#!/usr/bin/env bash
# Kafka's own dump tool over segments and indexes that our broker wrote: rolled, recovered, with
# every codec. The tool exits 0 on damage, so its words are judged, and that judgement is tried too.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export KAFKA_LIB=${KAFKA_LIB:-$root/kafka-lib}
kafka=$root/tests/peers/kafka-from-maven/kafka.sh
[ -e "$KAFKA_LIB/log4j2-tool.properties" ] || "$kafka" fetch

data=$work/data
broker --data "$data" --topic varied:1 --topic small:1 -c log.segment.bytes=1048576

# about 4 MB: keys, tombstones, bytes, headers, old timestamps; each codec in turn
generate() { # FROM TO
  awk -v from="$1" -v to="$2" 'BEGIN { srand(from); for (i = from; i < to; i++) {
    filler = ""; n = rand() * 40; for (j = 0; j < n; j++) filler = filler int(rand() * 1e9)
    if (i % 50 == 0) printf "{\"key\":\"k%d\",\"value\":null}\n", i
    else if (i % 7 == 0) printf "{\"value_b64\":\"/wCA\",\"headers\":[[\"a\",\"%d\"],[\"a\",null]]}\n", i
    else printf "{\"key\":\"k%d\",\"value\":\"%d %s\",\"timestamp\":%.0f}\n", i % 97, i, filler, 1700000000000 + i * 10
  } }'
}
from=0
for codec in none gzip snappy lz4 zstd none; do
  generate "$from" $((from + 5000)) | "$BROKER_LITE" produce varied --format json --compression "$codec"
  from=$((from + 5000))
done
echo one | "$BROKER_LITE" produce small
stop KILL # recovery has to leave a log that the tool accepts, too
broker --data "$data" -c log.segment.bytes=1048576
generate "$from" $((from + 5000)) | "$BROKER_LITE" produce varied --format json
from=$((from + 5000))
stop

segments=$(find "$data/varied-0" -name '*.log' | wc -l)
[ "$segments" -ge 3 ] || fail "$segments segments: nothing rolled"
for topic in varied-0 small-0; do
  dump "$(files "$data/$topic" log)" >"$work/$topic.log.txt"
  dump "$(files "$data/$topic" index)" >"$work/$topic.index.txt"
  dump "$(files "$data/$topic" timeindex)" >"$work/$topic.timeindex.txt"
  for kind in log index timeindex; do
    out=$work/$topic.$kind.txt
    grep -q '^Dumping' "$out" || fail "the tool did not run: $(cat "$out")"
    ! damaged "$out" || fail "$topic.$kind: $(grep -v '^|' "$out" | tail -20)"
  done
done
records=$(grep -c '^| offset' "$work/varied-0.log.txt")
[ "$records" = "$from" ] || fail "the tool sees $records records, not $from"
for codec in none gzip snappy lz4 zstd; do
  grep -q "compresscodec: $codec" "$work/varied-0.log.txt" || fail "no batch stored with $codec"
done
entries=$(grep -c '^offset: ' "$work/varied-0.index.txt")
[ "$entries" -gt 100 ] || fail "only $entries entries in the offset indexes"

# producer snapshots and the metadata log
snapshots=$(files "$data/varied-0" snapshot)
[ -n "$snapshots" ] || fail "no producer snapshot"
dump "$snapshots" >"$work/snapshots.txt"
grep -q 'producerId: ' "$work/snapshots.txt" || fail "empty snapshots: $(cat "$work/snapshots.txt")"
! damaged "$work/snapshots.txt" || fail "snapshots: $(cat "$work/snapshots.txt")"
"$kafka" tool dump-log --cluster-metadata-decoder --files "$(files "$data/__cluster_metadata-0" log)" \
  >"$work/metadata.txt" 2>&1
grep -q '"TOPIC_RECORD".*"varied"' "$work/metadata.txt" || fail "metadata: $(cat "$work/metadata.txt")"
! grep -Eq 'Could not|Exception|isvalid: false' "$work/metadata.txt" ||
  fail "metadata: $(cat "$work/metadata.txt")"

# our own dump sees as much, and finds nothing wrong
[ "$("$BROKER_LITE" log dump --records "$data/varied-0" | grep -c '^    offset=')" = "$from" ] ||
  fail "log dump sees other records than the tool"
"$BROKER_LITE" log dump --format json "$data/varied-0" >"$work/ours.txt"
[ "$(grep -c '"position":[0-9]*}$' "$work/ours.txt")" = "$entries" ] ||
  fail "log dump sees other entries of offset indexes than the tool"
"$BROKER_LITE" log verify "$data" || fail "log verify"

# the judgement can fail: one byte of a record, one index entry
first=$(find "$data/varied-0" -name '*.log' | sort | head -1)
mkdir "$work/bad"
cp "${first%.log}".{log,index,timeindex} "$work/bad"
bad=$work/bad/$(basename "$first")
printf '\xff' | dd of="$bad" bs=1 seek=100 conv=notrunc status=none
dump "$bad" >"$work/bad.txt" || true
damaged "$work/bad.txt" || fail "a damaged record passed"
! "$BROKER_LITE" log verify "$bad" 2>/dev/null || fail "log verify passed a damaged record"
cp "$first" "$bad"
printf '\x01' | dd of="${bad%.log}.index" bs=1 seek=7 conv=notrunc status=none
dump "${bad%.log}.index" >"$work/bad.txt" || true
damaged "$work/bad.txt" || fail "a damaged index passed"
! "$BROKER_LITE" log verify "${bad%.log}.index" 2>/dev/null || fail "log verify passed a damaged index"

echo "dump_log.sh: passed, $records records in $segments segments, $entries index entries"
