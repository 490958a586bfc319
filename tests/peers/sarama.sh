#!/usr/bin/env bash
# sarama, the Go client. Usage: sarama.sh [HOST:PORT]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build() { go -C "$here/go" build -o "$PEERS_CACHE/sarama" .; }

version=$(sed -n 's/^require .*sarama v\(.*\)$/\1/p' "$here/go/go.mod")
install go -C "$here/go" mod download
build || fail "the program does not build"
against "$@"
run "$PEERS_CACHE/sarama"
wrote "${codecs[@]}"
passed sarama "$version"
