#!/usr/bin/env bash
# aiokafka. Usage: aiokafka.sh [HOST:PORT]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=0.14.0
install venv aiokafka aiokafka==$version cramjam==2.14.0
against "$@"
run "$PEERS_CACHE/aiokafka/bin/python" "$here/python/aiokafka_peer.py"
wrote "${codecs[@]}"
passed aiokafka $version
