#!/bin/sh
# npm run gridftp-server -- DIR [PORT]: a GridFTP server to try the backend with, in the foreground until Ctrl-C. Anybody on this
# host may read and write DIR by it, nobody from elsewhere: it listens on 127.0.0.1 only (PORT: 2811). For a site's own server see its manual.
set -eu

complain() { printf 'gridftp-server: %s\n' "$*" >&2; }

[ "$#" -ge 1 ] && [ "$#" -le 2 ] || { complain "usage: npm run gridftp-server -- DIR [PORT]"; exit 2; }
command -v globus-gridftp-server >/dev/null 2>&1 || { complain "globus-gridftp-server is not installed: sh deploy/setup.sh"; exit 1; }

# Relative paths are meant from where the user stands; npm starts scripts in the project and tells that place in INIT_CWD.
cd -- "${INIT_CWD:-$PWD}"
mkdir -p -m 700 -- "$1"
dir=$(CDPATH='' cd -- "$1" && pwd)
port=${2:-2811}

# It refuses to serve as root; guests are nobody then, and DIR has to be theirs.
if [ "$(id -u)" -eq 0 ]; then
  chown nobody "$dir"
  set -- -anonymous-user nobody
else
  set --
fi

printf 'gridftp-server: ftp://127.0.0.1:%s%s (Ctrl-C ends it)\n' "$port" "$dir"
exec globus-gridftp-server -aa "$@" -p "$port" -hostname 127.0.0.1 -home-dir "$dir" -rp "$dir" -d ERROR,WARN -log-module stdio:buffer=0 -l /dev/stderr
