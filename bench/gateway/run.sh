#!/usr/bin/env bash
# Measures Craton next to a bare net/http proxy, a bare fasthttp proxy, Portkey
# and LiteLLM. See bench/README.md. Flags are passed on: -quick, -only, -rounds.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The peers' versions are part of the result: raise them on purpose.
PORTKEY=1.15.2
# Some later ones make Portkey refuse every stream (its issue 1389).
PORTKEY_SERVER=1.13.8
LITELLM=1.102.4

cache=$PWD/.cache/bench
mkdir -p "$cache"
args=(-out "$cache")
say() { echo "bench/gateway: $*" >&2; }

# subject NAME FILE COMMAND...: run the installer unless it ran before; add the
# flag, or the reason why there is nothing to measure.
subject() {
  local name=$1 file=$2
  shift 2
  if [ ! -e "$file" ]; then
    say "installing $name"
    if ! "$@" >"$cache/$name-install.log" 2>&1; then
      args+=(-skip "$name=it could not be installed: $(tail -n 1 "$cache/$name-install.log")")
      return
    fi
  fi
  args+=("-$name" "$file")
}

install_portkey() {
  command -v node >/dev/null || { echo "Node is not installed"; return 1; }
  local dir=$cache/portkey-$PORTKEY-$PORTKEY_SERVER
  rm -rf "$dir"
  mkdir -p "$dir"
  printf '{"dependencies": {"@portkey-ai/gateway": "%s"}, "overrides": {"@hono/node-server": "%s"}}\n' \
    "$PORTKEY" "$PORTKEY_SERVER" >"$dir/package.json"
  npm install --prefix "$dir" --no-audit --no-fund --ignore-scripts --omit=dev
}

install_litellm() {
  local venv=$cache/litellm-$LITELLM
  rm -rf "$venv"
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet "litellm[proxy]==$LITELLM" || { rm -rf "$venv.failed"; mv "$venv" "$venv.failed"; return 1; }
}

build_craton() {
  go build -trimpath -ldflags '-s -w' -o "$cache/craton" ./cmd/craton
}

say "building"
rm -f "$cache/craton"
subject craton "$cache/craton" build_craton
(cd bench/gateway && go build -trimpath -o "$cache/gateway" .)
subject portkey "$cache/portkey-$PORTKEY-$PORTKEY_SERVER/node_modules/@portkey-ai/gateway/build/start-server.js" install_portkey
subject litellm "$cache/litellm-$LITELLM/bin/litellm" install_litellm

exec "$cache/gateway" "${args[@]}" "$@"
