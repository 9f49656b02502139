import { run } from '../../shared/process/index.js';
import { DAR_OPTIONS, type Step } from './baseline.js';

/** A program that backs a tree up once, and then again against what it has. */
export interface Rival {
  readonly name: string;
  /** Makes what it keeps backups in; not measured. */
  readonly prepare: Step | null;
  /** The first backup of the tree. */
  readonly first: Step;
  readonly again: (i: number) => Step;
}

export const DAR_AGAIN = 'dar -c -A full';

const CREATE = 'out=$1; name=$2; tree=$3; shift 3; exec dar -c "$out/$name" -R "$tree" "$@" >"$out/$name.log" 2>&1';

/** dar, and of the others those that are installed; `out`: an empty directory for what they write. */
export async function installedRivals(tree: string, out: string): Promise<Rival[]> {
  return [darAgain(tree, out), ...(await otherRivals(tree, out))];
}

/** Those that are not dar, where they are installed. */
export async function otherRivals(tree: string, out: string): Promise<Rival[]> {
  const rivals: Rival[] = [];
  if (await isInstalled('restic')) rivals.push(restic(tree, out));
  if (await isInstalled('borg')) rivals.push(borg(tree, out));
  return rivals;
}

/** Name of the archive of repetition `i`. */
export function againName(i: number): string {
  return `again-${i}`;
}

function darAgain(tree: string, out: string): Rival {
  return {
    name: DAR_AGAIN,
    prepare: null,
    first: { name: 'dar -c', script: CREATE, args: [out, 'full', tree, ...DAR_OPTIONS] },
    again: (i) => ({ name: DAR_AGAIN, script: CREATE, args: [out, againName(i), tree, '-A', `${out}/full`, ...DAR_OPTIONS] }),
  };
}

/** Without compression, which needs repository version 2 (restic 0.14). Its cache and its lock files stay below `out` too. */
function restic(tree: string, out: string): Rival {
  const step = (script: string): Step => ({ name: 'restic backup', script: `export RESTIC_PASSWORD=bench RESTIC_CACHE_DIR="$1/restic-cache"; ${script} >"$1/restic.log" 2>&1`, args: [out, tree] });
  const backup = step('restic -q -r "$1/restic" --compression off backup "$2"');
  return { name: 'restic backup', prepare: step('restic -q -r "$1/restic" init --repository-version 2'), first: backup, again: () => backup };
}

function borg(tree: string, out: string): Rival {
  const step = (script: string, name: string): Step => ({ name: 'borg create', script: `export BORG_BASE_DIR="$1/borg-home"; ${script} >"$1/borg.log" 2>&1`, args: [out, tree, name] });
  const create = (name: string): Step => step('borg create -C none "$1/borg::$3" "$2"', name);
  return { name: 'borg create', prepare: step('borg init -e none "$1/borg"', ''), first: create('first'), again: (i) => create(againName(i)) };
}

async function isInstalled(program: string): Promise<boolean> {
  const { status } = await run({ program: 'sh', args: ['-c', 'command -v -- "$1" >/dev/null', 'sh', program] }, { okCodes: [0, 1, 127] });
  return status.code === 0;
}
