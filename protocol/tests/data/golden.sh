#!/usr/bin/env bash
# Prints golden.tsv, made by Apache Kafka's own classes. Needs a JDK of 17 or newer.
#   golden.sh         fetches the jars
#   golden.sh DIR     the jars are in DIR, or are put there
# Ends with code 77 if Maven can fetch nothing at all.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jars=${1:-}
if [ -z "$jars" ]; then
  jars=$(mktemp -d)
  trap 'rm -rf "$jars"' EXIT
fi
"$here/kafka-jars.sh" "$jars"
java -XX:TieredStopAtLevel=1 -cp "$(printf '%s:' "$jars"/*.jar)" "$here/Golden.java"
