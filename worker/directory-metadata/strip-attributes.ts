import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';
import { inDirectory, run } from '../../shared/process/index.js';

/** What dar restores of attributes; ACLs are attributes too. */
const RESTORED = '^(user|trusted)[.]|^system[.]posix_acl_';
/** xargs: some of its programs ended with an error. */
const SOME_FAILED = 123;

export interface Stripped {
  /** Attributes taken away. */
  readonly removed: number;
  /** What a program said that could not do all; null: nothing. */
  readonly complaint: string | null;
}

/**
 * Takes ACLs and extended attributes of directories away: dar, which sets what a directory had in a backup, leaves what it had before.
 * `paths`: relative to `root`, there or not. Rejects what run() rejects.
 */
export async function stripAttributes(root: BytePath, paths: readonly BytePath[], signal: AbortSignal): Promise<Stripped> {
  const input = Buffer.from(paths.map((path) => `./${path}\0`).join(''), 'latin1');
  const options = { input, signal, okCodes: [0, SOME_FAILED] };
  const listed = await run(inDirectory(bytePath.toBuffer(root), { program: 'xargs', args: ['-r0', 'getfattr', '-h', '-m', RESTORED, '--absolute-names', '--'] }), options);
  const byName = attributesIn(listed.stdout.toString('latin1'));
  let removed = 0;
  let complaint: string | null = null;
  for (const [name, owners] of byName) {
    const own = Buffer.from(owners.map((path) => `${path}\0`).join(''), 'latin1');
    const done = await run(inDirectory(bytePath.toBuffer(root), { program: 'xargs', args: ['-r0', 'setfattr', '-h', '-x', Buffer.from(name, 'latin1'), '--'] }), { ...options, input: own });
    if (done.status.code === 0) removed += owners.length;
    else complaint = done.stderr.trim();
  }
  return { removed, complaint };
}

/** `# file: PATH`, a name per line, a blank line; in both, what could forge a line is written as octal (pure). Paths by name. */
export function attributesIn(text: string): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  let path = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('# file: ')) path = unescape(line.slice('# file: '.length));
    else if (line !== '') pathsOf(byName, unescape(line)).push(path);
  }
  return byName;
}

function pathsOf(byName: Map<string, string[]>, name: string): string[] {
  const paths = byName.get(name) ?? [];
  byName.set(name, paths);
  return paths;
}

function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
