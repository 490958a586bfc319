#!/usr/bin/env bash
# Puts the jars that kafka-pom.xml names into DIR, unless they are there.
#   kafka-jars.sh DIR
# Ends with code 77 if Maven cannot fetch them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
copy=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
mkdir -p "$1"
jars=$(cd "$1" && pwd) # Maven starts elsewhere
! compgen -G "$jars/kafka-clients-*.jar" >/dev/null || exit 0
for _ in 1 2 3; do
  ! mvn -q -B -f "$here/kafka-pom.xml" "$copy" -DexcludeTransitive=true -DoutputDirectory="$jars" >&2 ||
    exit 0
done
exit 77
