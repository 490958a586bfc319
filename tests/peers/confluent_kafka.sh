#!/usr/bin/env bash
# confluent-kafka, Python over librdkafka. Usage: confluent_kafka.sh [HOST:PORT]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=2.16.1
install venv confluent-kafka confluent-kafka==$version
against "$@"
run "$PEERS_CACHE/confluent-kafka/bin/python" "$here/python/confluent_kafka_peer.py"
wrote "${codecs[@]}"
passed confluent-kafka $version
