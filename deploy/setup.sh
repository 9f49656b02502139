#!/bin/sh
# Installs the programs that bw-bkup starts. Safe to run again: it installs only what is missing.
#   sh deploy/setup.sh           install what is missing (Debian, Ubuntu), then check
#   sh deploy/setup.sh --check   only report; changes nothing
# Exit: 0 everything is there · 1 something is missing · 2 wrong usage
set -eu

NODE_MIN_MAJOR=20
NODE_MIN_MINOR=20

say() { printf 'setup: %s\n' "$*"; }
complain() { printf 'setup: %s\n' "$*" >&2; }

# Program, Debian package, RHEL package. setpriv needs util-linux 2.33 (--pdeathsig), checked below.
programs() {
  cat <<'TABLE'
dar dar dar
redis-server redis-server redis
rclone rclone rclone
globus-url-copy globus-gass-copy-progs globus-gass-copy-progs
globus-gridftp-server globus-gridftp-server-progs globus-gridftp-server-progs
openssl openssl openssl
zstd zstd zstd
getfacl acl acl
setfacl acl acl
getfattr attr attr
setfattr attr attr
setpriv util-linux util-linux
find findutils findutils
xargs findutils findutils
sort coreutils coreutils
sha512sum coreutils coreutils
sed sed sed
tar tar tar
TABLE
}

has() { command -v "$1" >/dev/null 2>&1; }

# Lines of the table whose program is not there.
missing() {
  programs | while read -r program debian rhel; do
    has "$program" || printf '%s %s %s\n' "$program" "$debian" "$rhel"
  done
}

missing_packages() { missing | cut -d ' ' -f "$1" | sort -u | tr '\n' ' '; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif has sudo; then
    sudo "$@"
  else
    complain "need root to run: $* (no sudo here: run this script as root)"
    return 1
  fi
}

os_family() {
  if has apt-get; then echo debian; return; fi
  if has dnf || has yum; then echo rhel; return; fi
  echo other
}

# Debian starts a service right after installing it. bw-bkup starts a Redis of its own or uses the site's, so a
# second one on port 6379 would only be in the way, and a GridFTP server is for tests. policy-rc.d (exit 101) is Debian's
# switch for that; one that the site has is left alone. What is installed already is not touched.
POLICY=/usr/sbin/policy-rc.d
policy_made=no

forbid_service_start() {
  [ ! -e "$POLICY" ] || { say "$POLICY exists and decides whether services start: left as it is"; return 0; }
  say "forbidding packages to start services meanwhile ($POLICY, removed again below)"
  as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $POLICY && chmod 755 $POLICY"
  policy_made=yes
}

allow_service_start() {
  [ "$policy_made" = yes ] || return 0
  as_root rm -f "$POLICY"
  policy_made=no
}

# policy-rc.d keeps it from starting now, disabling keeps it from starting at the next boot.
disable_redis_service() {
  has systemctl && [ -d /run/systemd/system ] || return 0
  say "redis-server.service: disabled, because bw-bkup starts its own Redis (systemctl enable --now redis-server undoes it)"
  as_root systemctl disable --now redis-server.service
}

install_debian() {
  redis_was_missing=no
  has redis-server || redis_was_missing=yes
  packages=$(missing_packages 2)
  say "installing: $packages"
  trap allow_service_start EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  as_root apt-get update -q
  forbid_service_start
  # shellcheck disable=SC2086 # a list of package names, split on purpose
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
  allow_service_start
  [ "$redis_was_missing" = no ] || disable_redis_service
}

explain_rhel() {
  complain "this script installs with apt-get only. Here, run as root:"
  complain "  dnf install epel-release && dnf install $(missing_packages 3)"
  complain "(dar is in EPEL; keep the service off with: systemctl disable --now redis)"
  complain "then run this script again."
}

install_missing() {
  [ -n "$(missing)" ] || return 0
  case $(os_family) in
    debian) install_debian ;;
    rhel) explain_rhel; return 1 ;;
    *) complain "unknown system: install $(missing_packages 1)and run this script again"; return 1 ;;
  esac
}

check_programs() {
  programs | cut -d ' ' -f 1 | while read -r program; do
    if has "$program"; then say "ok       $program"; else complain "MISSING  $program"; fi
  done
  [ -z "$(missing)" ]
}

# Without --pdeathsig children of a worker that was killed with SIGKILL would live on.
check_setpriv() {
  has setpriv || return 0
  if setpriv --pdeathsig KILL -- true 2>/dev/null; then return 0; fi
  complain "note: setpriv has no --pdeathsig (util-linux older than 2.33): helper programs may outlive a worker killed with SIGKILL"
}

check_node() {
  if ! has node; then
    complain "MISSING  node $NODE_MIN_MAJOR.$NODE_MIN_MINOR or newer"
    explain_node
    return 1
  fi
  version=$(node -p 'process.versions.node')
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  if [ "$major" -gt "$NODE_MIN_MAJOR" ] || { [ "$major" -eq "$NODE_MIN_MAJOR" ] && [ "$minor" -ge "$NODE_MIN_MINOR" ]; }; then
    say "ok       node $version"
    return 0
  fi
  complain "TOO OLD  node $version; $NODE_MIN_MAJOR.$NODE_MIN_MINOR or newer is needed"
  explain_node
  return 1
}

explain_node() {
  complain "  get Node 20, 22 or 24 from https://nodejs.org/en/download (a tar archive, unpacked anywhere, with its bin/ on PATH, will do)"
  complain "  or from your system: dnf module install nodejs:20 · apt-get install nodejs npm (where that is new enough)"
}

check_all() {
  ok=yes
  check_programs || ok=no
  check_setpriv
  check_node || ok=no
  if ! has npm; then
    complain "MISSING  npm (it comes with Node)"
    ok=no
  fi
  [ "$ok" = yes ]
}

case ${1:-} in
  '') install_missing || { check_node || true; complain "something is missing, see above"; exit 1; } ;;
  --check) ;;
  *) complain "usage: sh deploy/setup.sh [--check]"; exit 2 ;;
esac
check_all || { complain "something is missing, see above"; exit 1; }
say "everything bw-bkup needs is here"
