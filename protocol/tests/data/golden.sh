#!/usr/bin/env bash
# Prints golden.tsv, made by Apache Kafka's own classes. Needs a JDK of 17 or newer.
#   golden.sh         Maven fetches the jars that kafka-pom.xml names
#   golden.sh DIR     the jars are in DIR, or are put there
# Ends with code 77 if the jars are not to be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
copy=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
if [ $# -gt 0 ]; then
  jars=$(mkdir -p "$1" && cd "$1" && pwd)
else
  jars=$(mktemp -d)
  trap 'rm -rf "$jars"' EXIT
fi

fetch() {
  mvn -q -B -f "$here/kafka-pom.xml" "$copy" -DexcludeTransitive=true -DoutputDirectory="$jars" >&2
}

compgen -G "$jars/kafka-clients-*.jar" >/dev/null || fetch || fetch || fetch || exit 77
java -XX:TieredStopAtLevel=1 -cp "$(printf '%s:' "$jars"/*.jar)" "$here/Golden.java"
