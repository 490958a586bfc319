#!/usr/bin/env bash
# kafkajs; our client reads what it wrote. Usage: kafkajs.sh [HOST:PORT]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages() { # as locked, without scripts that would build or download
  mkdir -p "$PEERS_CACHE/node"
  cp "$here"/node/package*.json "$PEERS_CACHE/node"
  npm ci --prefix "$PEERS_CACHE/node" --ignore-scripts --no-audit --no-fund
}

version=$(sed -n 's/.*"kafkajs": "\(.*\)".*/\1/p' "$here/node/package.json")
cmp -s "$here/node/package-lock.json" "$PEERS_CACHE/node/package-lock.json" &&
  [ -e "$PEERS_CACHE/node/node_modules/.package-lock.json" ] || install packages
against "$@"
NODE_PATH=$PEERS_CACHE/node/node_modules run node "$here/node/kafkajs_peer.js"
wrote "${codecs[@]}"
"$BROKER_LITE" consume "$prefix-idempotent" | cmp - "$work/lines" || fail "idempotent: lines differ"
"$BROKER_LITE" consume "$prefix-keyed" --format json >"$work/keyed"
grep -q '"key":"ann","value":"one".*\["a","1"\],\["a","2"\],\["b",""\]' "$work/keyed" ||
  fail "key, value, headers: $(cat "$work/keyed")"
grep -q '"key":"ann","value":null' "$work/keyed" || fail "a tombstone: $(cat "$work/keyed")"
passed kafkajs "$version"
