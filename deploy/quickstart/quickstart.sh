#!/bin/sh
# npm run quickstart -- [DIR] [--work DIR]: installs what is missing, builds, then backs up DIR (or a sample tree), restores
# and compares. Safe to run again; every run gets a work directory of its own.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)

step() { printf '\nquickstart: %s\n' "$*"; }

# Relative paths are meant from where the user stands; npm starts scripts in the project and tells that place in INIT_CWD.
from=${INIT_CWD:-$PWD}

step "programs that bw-bkup starts"
sh "$root/deploy/setup.sh"

cd "$root"
# npm ci records the lock file it installed from: with an equal one there is nothing to do.
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  step "npm ci"
  npm ci --no-audit --no-fund
fi
step "npm run build"
npm run --silent build

cd "$from"
exec node "$root/dist/deploy/quickstart/quickstart.js" "$@"
