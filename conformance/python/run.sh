#!/usr/bin/env bash
# Installs the locked Python clients into .cache/venv and drives the servers
# that conformance/stage started. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.cache/venv
lock=conformance/python/requirements.txt
if ! cmp -s "$lock" "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$lock"
  cp "$lock" "$venv/requirements.txt"
fi
exec "$venv/bin/python" -B -m pytest -q -p no:cacheprovider -c conformance/python/pytest.ini conformance/python "$@"
