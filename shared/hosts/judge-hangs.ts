/** A dar or scan of a basepath that hung on a host, once or several times. */
export interface Hang {
  readonly basepathId: string;
  readonly topdir: string;
  readonly host: string;
  /** The last one, ms since the epoch. */
  readonly atMs: number;
  readonly count: number;
  /** Whether the topdir itself answered on that host then: if so, it is this basepath rather than the mount. */
  readonly answered: boolean;
  /** When its host last looked and it was still so, ms since the epoch. */
  readonly seenMs: number;
  /** Its host answers again: it holds nobody up, and counts only should its basepath hang once more. */
  readonly over?: boolean | undefined;
}

/** A basepath of which nothing is read for a while: it hangs wherever it is read. */
export interface ParkedBasepath {
  readonly basepathId: string;
  readonly topdir: string;
  readonly hosts: readonly string[];
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** What follows from hangs. */
export interface Standing {
  /** Hosts that take no work of the backup queue. */
  readonly aside: readonly string[];
  /** Topdirs of which nobody reads: more hosts hang than may be set aside, so it is the filesystem. */
  readonly incidents: readonly string[];
}

/** At most this share of the hosts is set aside; one may always be, when others are there to do its work. */
const ASIDE_SHARE = 1 / 4;
/** A basepath that hung on so many hosts, or so often in all, is to blame itself. */
const BLAMED = { hosts: 2, times: 3 };
/** A host whose mount answers again is tried again after this, ms: until then others try the basepath, which tells whether it was the host. */
const LEAST_ASIDE_MS = 300_000;
/** Of a host that has not looked for so long nothing is known any more, and what is over for so long counts no more, ms. */
const FORGOTTEN_MS = 86_400_000;

/** How many of so many hosts may be set aside (pure). */
export function mayBeAside(hosts: number): number {
  return hosts < 2 ? 0 : Math.max(1, Math.floor(hosts * ASIDE_SHARE));
}

/**
 * Which hosts are set aside and which topdirs are paused (pure). Where more hosts hang than may be set aside, topdirs are paused, the one that hangs on most
 * hosts first, until the rest is few enough. Hosts where no worker runs count for nothing.
 */
export function judgeHangs(hangs: readonly Hang[], present: ReadonlySet<string>): Standing {
  const most = mayBeAside(present.size);
  const incidents: string[] = [];
  let open = hangs.filter(({ host, over }) => over !== true && present.has(host));
  while (hostsOf(open).length > most) {
    const worst = worstTopdir(open);
    incidents.push(worst);
    open = open.filter(({ topdir }) => topdir !== worst);
  }
  return { aside: hostsOf(open), incidents: incidents.sort() };
}

function worstTopdir(hangs: readonly Hang[]): string {
  const topdirs = [...new Set(hangs.map(({ topdir }) => topdir))].sort();
  const hosts = (of: string): number => hostsOf(hangs.filter(({ topdir }) => topdir === of)).length;
  return topdirs.reduce((worst, topdir) => (hosts(topdir) > hosts(worst) ? topdir : worst));
}

function hostsOf(hangs: readonly Hang[]): string[] {
  return [...new Set(hangs.map(({ host }) => host))].sort();
}

/**
 * The hosts a basepath is to be parked for, because it hangs whoever reads it though its topdir answers; null: it is not (pure). Those that are over count: the next one to
 * read it hangs for dar.inactivityTimeout before anybody knows, when the first host is long cleared.
 */
export function blamedOn(hangs: readonly Hang[], basepathId: string): string[] | null {
  const own = hangs.filter((hang) => hang.basepathId === basepathId && hang.answered);
  const hosts = hostsOf(own);
  const times = own.reduce((sum, { count }) => sum + count, 0);
  return hosts.length >= BLAMED.hosts || times >= BLAMED.times ? hosts : null;
}

/** Whether a hang is over, now that its host has looked at the mount (pure). */
export function isOver({ atMs }: Hang, answers: boolean, nowMs: number): boolean {
  return answers && nowMs - atMs >= LEAST_ASIDE_MS;
}

export function isForgotten({ seenMs }: Hang, nowMs: number): boolean {
  return nowMs - seenMs >= FORGOTTEN_MS;
}
