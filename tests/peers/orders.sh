#!/usr/bin/env bash
# A program written for kafka-python, unchanged, with two generations of that library.
# Usage: orders.sh [HOST:PORT]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

versions=(2.3.3 3.0.12)
for version in "${versions[@]}"; do
  install venv "orders-$version" "kafka-python==$version"
done
against "$@"
for version in "${versions[@]}"; do
  export ORDERS_TOPIC=$prefix-$version
  run "$PEERS_CACHE/orders-$version/bin/python" "$here/python/orders.py"
  records=$("$BROKER_LITE" consume "$ORDERS_TOPIC" | wc -l)
  [ "$records" = 600 ] || fail "our client sees $records records with $version"
done
ok "JSON serializers" && ok "acks=all" && ok idempotence && ok "keyed sends" && ok "assign by hand"
passed "a program for kafka-python" "${versions[0]}, ${versions[1]}"
