#!/bin/sh
# Backs a tree up as its predecessor pdbkup did: one list by find, split into bins of equal numbers of files, and for each bin, BINS at a
# time: dar from the list, its catalogue isolated while it writes, the archive listed, copied and hashed. Nothing is compared with anything.
# Usage: pdbkup-way.sh TREE OUT BINS   (OUT: an empty directory)
set -eu
tree=$1 out=$2 bins=$3
export tree out
mkdir "$out/bins" "$out/lts"
cd -- "$tree"
find . -mindepth 1 -xdev -printf '%P\n' >"$out/all"
lines=$(wc -l <"$out/all")
split -l $(( (lines + bins - 1) / bins )) -d -- "$out/all" "$out/bins/bin-"
cat >"$out/one-bin" <<'BIN'
set -eu
name=${1##*/}
dar --create "$out/$name" --fs-root "$tree" --on-fly-isolate "$out/$name.cat" --include-from-file "$1" --no-mount-points -Q -N >"$out/$name.log" 2>&1
dar -l "$out/$name" -Q -N -Txml >"$out/$name.xml" 2>"$out/$name.xml.log"
cp -- "$out/$name.1.dar" "$out/lts/"
sha512sum -- "$out/lts/$name.1.dar" >"$out/$name.sums"
BIN
if command -v parallel >/dev/null && parallel --version 2>/dev/null | grep -q '^GNU parallel'; then
  parallel -j "$bins" sh "$out/one-bin" ::: "$out/bins"/bin-*
else
  printf '%s\0' "$out/bins"/bin-* | xargs -0 -n 1 -P "$bins" sh "$out/one-bin"
fi
