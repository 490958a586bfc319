#!/usr/bin/env bash
# Puts the jars that kafka-pom.xml names into DIR, unless they are there.
#   kafka-jars.sh DIR
# Ends with code 77 if Maven can fetch nothing at all: not even the jar that the other tests' Kafka
# consists of, which is known to be there. Without a Maven that runs it ends with code 1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
others=$here/../../../tests/peers/kafka-from-maven/pom.xml
mkdir -p "$1"
jars=$(cd "$1" && pwd) # Maven starts elsewhere
! compgen -G "$jars/kafka-clients-*.jar" >/dev/null || exit 0
mvn -v >/dev/null || { echo "install Maven (mvn) and a JDK of 17 or newer" >&2; exit 1; }
part=$(mktemp -d "$jars/part.XXXXXX") # what is cut short is not taken for all of them
trap 'rm -rf "$part"' EXIT
for _ in 1 2 3; do
  if mvn -q -B -f "$here/kafka-pom.xml" "$plugin:copy-dependencies" -DexcludeTransitive=true \
    -DoutputDirectory="$part" >&2; then
    for jar in "$part"/*.jar; do # by what is asked for above last
      case $jar in */kafka-clients-*) ;; *) mv "$jar" "$jars" ;; esac
    done
    mv "$part"/kafka-clients-*.jar "$jars"
    exit 0
  fi
done
known=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$others")
[ -n "$known" ] || { echo "$others names no version of Kafka" >&2; exit 1; }
# into a repository of its own: what was fetched before says nothing
mvn -q -B "$plugin:get" -Dartifact="org.apache.kafka:kafka-clients:$known" -Dtransitive=false \
  -Dmaven.repo.local="$part/repository" >&2 || exit 77
echo "Maven fetches Kafka $known, but not what kafka-pom.xml names" >&2
exit 1
