import { BwError } from '../errors/bw-error.js';
import type { Arg } from './command.js';

/**
 * Node passes argv as UTF-8 text only, so an argument of other bytes would arrive changed. Those are
 * handed to this launcher as octal escapes; `=` marks one that is literal. The `_` keeps newlines at the
 * end, which `$(...)` would strip. The decoded words go through `exec "$@"`, never through eval.
 */
const BYTE_LAUNCHER = `
n=$# i=0
while [ "$i" -lt "$n" ]; do
  case $1 in
    =*) word=\${1#=} ;;
    *) word=$(printf '%b_' "$1"); word=\${word%_} ;;
  esac
  shift
  set -- "$@" "$word"
  i=$((i + 1))
done
if [ -n "$1" ]; then cd -- "$1" || exit 126; fi
shift
exec "$@"
`;

/** The argument as text, or null where Node would alter its bytes. Throws ARGUMENT_INVALID on NUL. */
export function argumentText(arg: Arg): string | null {
  const bytes = typeof arg === 'string' ? null : Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength);
  const text = bytes === null ? (arg as string) : bytes.toString('utf8');
  if (text.includes('\0')) throw invalidArgument(text);
  return bytes === null || Buffer.from(text, 'utf8').equals(bytes) ? text : null;
}

/** An argv that Node can pass and that starts `argv` with exactly its bytes, in `cwd` if given. */
export function launchable(argv: readonly Arg[], cwd: Arg | undefined): { argv: string[]; cwd: string | undefined } {
  const texts = argv.map(argumentText);
  const cwdText = cwd === undefined ? undefined : argumentText(cwd);
  if (cwdText !== null && !texts.includes(null)) return { argv: texts as string[], cwd: cwdText };
  const words = texts.map((text, i) => (text === null ? octal(argv[i] as Uint8Array) : `=${text}`));
  const dir = cwdText === null ? octal(cwd as Uint8Array) : '=';
  return { argv: ['/bin/sh', '-c', BYTE_LAUNCHER, 'sh', dir, ...words], cwd: cwdText ?? undefined };
}

/** `\0ooo` is the form that printf %b knows in every POSIX shell. */
function octal(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += `\\0${byte.toString(8).padStart(3, '0')}`;
  return text;
}

function invalidArgument(text: string): BwError {
  return new BwError('ARGUMENT_INVALID', {
    message: 'A program argument holds a NUL byte, which no program can be given',
    retry: 'permanent',
    hint: 'This is a fault in bw-bkup: report it with the log.',
    detail: JSON.stringify(text.slice(0, 200)),
  });
}
