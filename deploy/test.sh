#!/bin/sh
# npm test [-- VITEST ARGUMENTS]: from a clean clone to a verdict. The last line is always `N passed, N failed, N skipped`.
# Exit: 0 if all that ran passed, and something ran.
set -eu
cd -- "$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"

report=$(mktemp)
lint_log=$(mktemp)
lint=''
trap '[ -z "$lint" ] || kill -- "-$lint" 2>/dev/null || true; rm -f "$report" "$lint_log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A stage that fails counts as one failed test: what comes after it has not been looked at.
stage() {
  name=$1
  shift
  printf '\n== %s\n' "$name"
  "$@" && return 0
  printf '\nstage "%s" failed, nothing behind it was run\n0 passed, 1 failed, 0 skipped\n' "$name"
  exit 1
}

dependencies() {
  if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "node_modules is as package-lock.json wants it"
  else
    npm ci --no-audit --no-fund
  fi
}

# Without looking at types, which is done below for all there is.
build() {
  node_modules/.bin/tsc -p tsconfig.build.json --noCheck && chmod +x dist/bin/bw-bkup.js
}

stage setup sh deploy/setup.sh
stage dependencies dependencies
stage build build

# Beside the tests, with what these leave of the processors: a fifth, because tests also wait. A group of its own, to be ended with this.
setsid nice -n 10 sh -c 'npm run --silent types && npm run --silent lint' >"$lint_log" 2>&1 &
lint=$!

printf '\n== tests\n'
status=0
node_modules/.bin/vitest run --reporter=default --reporter=json --outputFile.json="$report" "$@" || status=$?

printf '\n== lint and types\n'
set -- # stages that failed
wait "$lint" || set -- 'lint and types'
lint=''
cat "$lint_log"
node dist/deploy/test-report.js "$report" "$status" "$@"
