#!/bin/sh
# Installs the published clients and runs them against the server: run.sh [PATH_OF_FRISSON] [options of run.mjs]
set -eu
cd "$(dirname "$0")"
python=${INTEROP_PYTHON_DIR:-../../target/interop-python}

server=
case "${1:-}" in
  '' | --*) ;;
  *) server=$(realpath "$1"); shift ;;
esac

if ! cmp -s package-lock.json node_modules/.installed; then
  timeout 300 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed
fi
for list in requirements/*.txt; do
  into=$python/$(basename "$list" .txt)
  if ! cmp -s "$list" "$into/.installed"; then
    rm -rf "$into"
    mkdir -p "$into"
    timeout 300 python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$into" -r "$list"
    cp "$list" "$into/.installed"
  fi
done

INTEROP_PYTHON_DIR=$(realpath "$python") exec node run.mjs ${server:+--server "$server"} "$@"
