/**
 * A single-threaded guardian between us and dar. Node has several threads and the kernel's parent-death
 * signal comes once per dying thread: 2 to 6 SIGTERMs in 10 of 10 kills, and a second one ruins dar's
 * archive (7 of 25). So one process decides: the watcher reads our end of a pipe, and turns commands,
 * or the end of file that our death causes, into exactly one TERM. CONT follows every TERM, because a
 * stopped dar acts on it only then.
 *
 * The program gets neither our pipes nor its own terminal; pdeathsig TERM covers the death of the
 * guardian itself. `wait` returns 128+N when signal N ended the program. fd 3: reports the pid.
 * Commands: T terminate · A terminate again, which spoils an archive: for a program that did not heed the first · K kill · S stop · C continue.
 */
export const GUARDIAN_SCRIPT = `
exec 5<&0 </dev/null
"$@" 3>&- 5<&- &
child=$!
trap '' PIPE TERM INT HUP QUIT
printf '%s\\n' "$child" >&3
exec 3>&-
(
  terminated=
  terminate() {
    [ -n "$terminated" ] || kill -TERM "$child"
    terminated=1
    kill -CONT "$child"
  }
  while IFS= read -r word; do
    case $word in
      T) terminate ;;
      A) terminated=; terminate ;;
      K) kill -KILL "$child" ;;
      S) kill -STOP "$child" ;;
      C) kill -CONT "$child" ;;
    esac
  done
  terminate
) <&5 >/dev/null 2>&1 &
watcher=$!
exec 5<&-
wait "$child"
status=$?
kill -KILL "$watcher" 2>/dev/null
exit "$status"
`;
