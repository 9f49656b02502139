/** Names that break careless tools, as bytes. */
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Not UTF-8: `caf` and a lone 0xE9, as a latin1 system wrote it. */
export const NON_UTF8_BASEPATH = latin1('caf\xe9');

export const AWKWARD_NAMES: readonly Buffer[] = [
  latin1('two\nlines'),
  latin1('\nnewline first'),
  latin1('newline last\n'),
  latin1('carriage return last\r'),
  latin1('-rf'),
  latin1('--help'),
  latin1(' '),
  latin1(' blanks around '),
  latin1('tab\there'),
  latin1('*'),
  latin1('glob ?[a-z]*'),
  latin1('{a,b}'),
  latin1('$(touch pwned)'),
  latin1('`touch pwned`'),
  latin1('semi;colon & pipe | more'),
  latin1("quote's"),
  latin1('double"quote'),
  latin1('back\\slash\\n'),
  latin1('%s %d %P%n'),
  latin1('#comment'),
  latin1('~'),
  latin1('...'),
  latin1('.hidden'),
  latin1('escape \x1b[31m'),
  latin1('control \x01\x7f'),
  latin1('not utf-8 \xff\xfe\x80'),
  Buffer.from('Grüße 日本語 💾', 'utf8'),
  Buffer.from('composed \u00e9', 'utf8'),
  Buffer.from('decomposed e\u0301', 'utf8'),
  latin1('n'.repeat(255)),
];

/** `DIR/NAME` in bytes. */
export function at(dir: string | Buffer, ...names: readonly (string | Buffer)[]): Buffer {
  const parts = [dir, ...names].map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : part));
  return Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from('/'), part])));
}
