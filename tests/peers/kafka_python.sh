#!/usr/bin/env bash
# kafka-python, and a program written for it. Usage: kafka_python.sh [HOST:PORT]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=3.0.12
install venv kafka-python kafka-python==$version python-snappy==0.7.3 lz4==4.4.5 zstandard==0.25.0
against "$@"
run "$PEERS_CACHE/kafka-python/bin/python" "$here/python/kafka_python_peer.py"
wrote "${codecs[@]}"
passed kafka-python $version
