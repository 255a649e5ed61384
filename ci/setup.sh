#!/usr/bin/env bash
# Installs what building and testing need and a machine may lack. Run it as
# often as you like: what is there is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { command -v "$1" >/dev/null 2>&1; }
postgres_here() { need initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

missing=()
need gcc || missing+=(gcc libc6-dev)
need make || missing+=(make)
need curl || missing+=(curl)
need python3 || missing+=(python3)
python3 -m venv --help >/dev/null 2>&1 || missing+=(python3-venv)
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
postgres_here || missing+=(postgresql)
need node || missing+=(nodejs npm)

if [ ${#missing[@]} -gt 0 ]; then
  if ! need apt-get; then
    echo "install these first: ${missing[*]}" >&2
    exit 1
  fi
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
postgres_here || { echo "PostgreSQL's initdb is not to be found" >&2; exit 1; }
go version
