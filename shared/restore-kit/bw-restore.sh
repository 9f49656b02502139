#!/bin/sh
# bw-restore.sh: restores a backup made by bw-bkup with nothing but a shell, dar, tar and the usual small programs.
# What it does, and how to do the same by hand, is in README.txt beside it.
set -u
LC_ALL=C
export LC_ALL
unset CDPATH
umask 077

usage() {
  cat >&2 <<'END'
usage: sh bw-restore.sh BACKUP_DIR... TARGET [-- PATH...]

BACKUP_DIR  directory of a backup in the storage, BASEPATH/BACKUP; for a chain give the full first and then
            each later level in the order they were made. What lies in tar objects (bundles.tsv beside
            this script says in which) is unpacked to TMPDIR first, which needs room for it
TARGET      new or empty directory; what the backed up directory held appears in it
PATH        restore only these files or directories (with all below), relative to the backed up directory

BW_KEY_FILE=FILE  passphrase of encrypted backups (else you are asked)
BW_BUNDLES="TAR..." tar objects to look into, instead of those that bundles.tsv names
BW_NO_CHECK=1     do not read and check all slices before restoring (dar still checks what it restores)

exit status: 0 all restored, 1 nothing or not all restored, 2 wrong usage, 5 restored, but some entries only in part
END
  exit 2
}

say() { printf 'bw-restore: %s\n' "$*"; }
die() {
  printf 'bw-restore: %s\n' "$*" >&2
  exit 1
}

work=
clean_up() {
  [ -n "$work" ] && rm -rf -- "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# --- arguments -------------------------------------------------------------------------------------------------------

[ $# -ge 2 ] || usage
for program in dar sha512sum tar awk sed sort find; do
  command -v "$program" >/dev/null || die "the program $program is needed and not on PATH"
done
work=$(mktemp -d "${TMPDIR:-/tmp}/bw-restore-XXXXXX") || die "cannot make a temporary directory"
tab=$(printf '\t')

: >"$work/directories"
target=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  [ -n "$target" ] && printf '%s\n' "$target" >>"$work/directories"
  target=$1
  shift
done
[ $# -gt 0 ] && shift
[ -s "$work/directories" ] || usage
case $target in /*) ;; *) target=$PWD/$target ;; esac

# "$@" becomes: -g PATH -g PATH ...
count=$#
while [ "$count" -gt 0 ]; do
  path=${1#./}
  path=${path%/}
  case /$path/ in
    //* | */../* | */./*) die "PATH must be relative to the backed up directory, without . or ..: $1" ;;
  esac
  set -- "$@" -g "$path"
  shift
  count=$((count - 1))
done

# --- what lies in tar objects comes out of them first, the rest is linked beside it --------------------------------------

kit=$(cd -- "$(dirname -- "$0")" && pwd)

bundles_of() {
  if [ -n "${BW_BUNDLES:-}" ]; then
    printf '%s\n' "$BW_BUNDLES" | tr ' ' '\n'
  elif [ -f "$kit/bundles.tsv" ]; then
    awk -F "$tab" -v "id=$1" '$1 == id { print $2 }' "$kit/bundles.tsv"
  fi
}

mkdir "$work/unpacked"
: >"$work/found"
while IFS= read -r given; do
  id=$(basename -- "$(dirname -- "$given")")/$(basename -- "$given")
  bundles_of "$id" >"$work/bundles"
  while IFS= read -r object; do
    [ -f "$object" ] || object=$(dirname -- "$kit")/$object
    [ -f "$object" ] || die "a tar object is missing: $object"
    say "looking into $object for $id"
    tar -xf "$object" -C "$work/unpacked" "$id" 2>"$work/log" || grep -q 'Not found in archive' "$work/log" ||
      die "$object cannot be unpacked: $(tail -n 3 "$work/log")"
  done <"$work/bundles"
  if [ -d "$work/unpacked/$id" ]; then
    directory=$(cd -- "$given" 2>/dev/null && pwd) || directory=
    for file in ${directory:+"$directory"/*}; do
      [ ! -f "$file" ] || [ -e "$work/unpacked/$id/${file##*/}" ] || ln -s -- "$file" "$work/unpacked/$id/" || die "cannot link $file"
    done
    given=$work/unpacked/$id
  fi
  printf '%s\n' "$given" >>"$work/found"
done <"$work/directories"
cat "$work/found" >"$work/directories"

# --- what is to be restored, in which order: plan lines are LEVEL KIND DIRECTORIES_WITH_EA KEY DIRECTORY/BASE ------------

level=0
: >"$work/plan"
while IFS= read -r given; do
  directory=$(cd -- "$given" 2>/dev/null && pwd) || die "no such directory: $given"
  [ -f "$directory/archives.tsv" ] || die "$directory holds no archives.tsv: this is not the directory of a complete backup, or what describes it lies in a tar object that bundles.tsv does not name (BW_BUNDLES)"
  [ -f "$directory/SHA512SUMS" ] || die "$directory holds no SHA512SUMS"
  level=$((level + 1))
  grep -v '^#' "$directory/archives.tsv" | sort -t "$tab" -k1,1n -k3,3 >"$work/archives"
  # A later level has none where nothing had changed.
  [ -s "$work/archives" ] || [ "$level" -gt 1 ] || die "$directory/archives.tsv names no archive"
  while IFS=$tab read -r order kind base slices with_ea key; do
    case $order$slices$with_ea in *[!0-9]*) die "$directory/archives.tsv is damaged at: $base" ;; esac
    number=1
    while [ "$number" -le "$slices" ]; do
      [ -f "$directory/$base.$number.dar" ] || die "a slice is missing: $directory/$base.$number.dar"
      number=$((number + 1))
    done
    printf '%s\t%s\t%s\t%s\t%s/%s\n' "$level" "$kind" "$with_ea" "$key" "$directory" "$base" >>"$work/plan"
  done <"$work/archives"
done <"$work/directories"

# --- target ----------------------------------------------------------------------------------------------------------

if [ -e "$target" ] || [ -L "$target" ]; then
  [ -d "$target" ] || die "the target exists and is no directory: $target"
  [ -z "$(find "$target/" -mindepth 1 -print | head -n 1)" ] || die "the target is not empty: $target"
else
  mkdir -m 700 -- "$target" || die "cannot create the target: $target"
fi

# --- integrity -------------------------------------------------------------------------------------------------------

if [ -z "${BW_NO_CHECK:-}" ]; then
  while IFS= read -r given; do
    say "checking $given"
    [ -s "$given/SHA512SUMS" ] || continue
    (cd -- "$given" && sha512sum -c --quiet SHA512SUMS) ||
      die "files of $given are damaged or missing (named above): nothing was restored. Use another copy or an older backup."
  done <"$work/directories"
fi

# --- encryption: the passphrase goes to dar in a private file, never on the command line -------------------------------

cut -f 4 "$work/plan" | grep -v '^-$' | sort -u >"$work/keys"
: >"$work/dcf"
if [ -s "$work/keys" ]; then
  if [ -n "${BW_KEY_FILE:-}" ]; then
    IFS= read -r passphrase <"$BW_KEY_FILE" || [ -n "${passphrase:-}" ] || die "cannot read the key file $BW_KEY_FILE"
  elif [ -t 0 ]; then
    printf 'Passphrase (key %s): ' "$(tr '\n' ' ' <"$work/keys")" >&2
    trap 'stty echo; exit 1' HUP INT TERM
    stty -echo
    IFS= read -r passphrase
    stty echo
    printf '\n' >&2
  else
    die "this backup is encrypted: set BW_KEY_FILE to a file with the passphrase of key $(tr '\n' ' ' <"$work/keys")"
  fi
  # In a dar command file these need a backslash, also inside quotes.
  escaped=$(printf '%s\n' "$passphrase" | sed "s/[\"'\`\\\\#$tab]/\\\\&/g")
  printf -- '-K ":%s"\n' "$escaped" >"$work/dcf"
fi

# --- restoring -------------------------------------------------------------------------------------------------------

problems=0
not_owner=
same_owner=--same-owner
if [ "$(id -u)" != 0 ]; then
  say 'not running as root: owners are not restored, and what only root may read or set will be missing'
  not_owner=-Oignore-owner
  same_owner=--no-same-owner
fi

# run_dar ARCHIVE KIND OPTION...: exit 5 (some entries failed) is noted and the restore goes on, other failures end it.
run_dar() {
  archive=$1
  kind=$2
  shift 2
  dar -x "$archive" -Q -N -wa -B "$work/dcf" --dirty-behavior no-warn $not_owner "$@" </dev/null >"$work/log" 2>&1
  status=$?
  # Failed ACLs and extended attributes are told in words only, with exit status 0.
  told=$(grep -a -E 'aborted|Error while restoring|Cannot restore|failed to' "$work/log" | grep -a -v ' 0 inode(s) failed')
  if [ "$status" -eq 5 ] && [ "$kind" = removals ]; then
    say "${archive##*/}: something to be removed was not there, which is fine"
  elif [ "$status" -eq 5 ] || { [ "$status" -eq 0 ] && [ -n "$told" ]; }; then
    problems=$((problems + 1))
    say "${archive##*/}: some entries could not be restored fully:" >&2
    if [ -n "$told" ]; then printf '%s\n' "$told" >&2; else tail -n 20 "$work/log" >&2; fi
  elif [ "$status" -ne 0 ]; then
    tail -n 20 "$work/log" >&2
    die "dar ended with status $status at ${archive##*/}; what is in $target is not complete"
  fi
}

# The target must not hand an ACL of its parent down to what is restored: take those of / (none), then close it.
tar --no-recursion --acls --format=posix -cf "$work/plain.tar" -C / . 2>/dev/null &&
  tar --acls $same_owner -xpf "$work/plain.tar" -C "$target" 2>/dev/null
chmod 700 "$target" || die "cannot change $target"

# First everything without default ACLs, which would add rights to the files created in their directories.
while IFS=$tab read -r at kind with_ea key archive; do
  [ "$kind" = metadata ] && continue
  say "restoring ${archive##*/}"
  run_dar "$archive" "$kind" -R "$target" -u system.posix_acl_default "$@"
done <"$work/plan"

# dar does not mind a path it has never heard of, so look.
count_missing() {
  missing=0
  while [ $# -ge 2 ]; do
    if [ ! -e "$target/$2" ] && [ ! -L "$target/$2" ]; then
      printf 'bw-restore: not in this backup: %s\n' "$2" >&2
      missing=$((missing + 1))
    fi
    shift 2
  done
}
count_missing "$@"

# Then the directories again, with them. Of a chain only directories that are still there: the full knows removed ones too.
again=$work/plan
if [ "$level" -gt 1 ]; then
  (cd -- "$target" && find . -mindepth 1 -type d -print | sed 's,^\./,,') >"$work/existing"
  # dar takes an empty list for no list, and would make all directories of the past again.
  [ -s "$work/existing" ] || again=/dev/null
  set -- -[ "$work/existing"
fi
seen=0
while IFS=$tab read -r at kind with_ea key archive; do
  [ "$kind" = metadata ] && continue
  [ "$with_ea" -gt 0 ] && seen=1
  [ "$seen" = 1 ] || continue
  say "directories of ${archive##*/}"
  # Removals take attributes away here; what they removed may be there again since.
  run_dar "$archive" "$kind" -R "$target" -k -X '*' "$@"
done <"$again"

# --- owner, mode, ACL, attributes and times of the backed up directory itself, last of all ------------------------------

metadata=$(awk -F "$tab" '$2 == "metadata" { last = $5 } END { print last }' "$work/plan")
if [ -n "$metadata" ]; then
  hold=$(mktemp -d "$target/.bw-restore-XXXXXX") || die "cannot write to $target"
  run_dar "$metadata" metadata -R "$hold"
  [ -d "$hold/root" ] || die "the metadata archive ${metadata##*/} does not hold the entry root"
  tar --no-recursion --acls --xattrs --xattrs-include='*' --format=posix -cf "$work/root.tar" -C "$hold/root" . &&
    rm -rf -- "$hold" &&
    tar --acls --xattrs --xattrs-include='*' $same_owner -xpf "$work/root.tar" -C "$target" || problems=$((problems + 1))
  rm -rf -- "$hold"
else
  say "no metadata archive: owner and mode of $target itself stay those of a new directory" >&2
  problems=$((problems + 1))
fi

[ "$missing" -eq 0 ] || die "$missing of the paths asked for are not in this backup"
if [ "$problems" -gt 0 ]; then
  say "restored to $target, but not everything fully: see the messages above" >&2
  exit 5
fi
say "restored to $target"
