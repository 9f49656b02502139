import type { Logger } from 'pino';
import type { Config } from '../../shared/config/config.js';
import { toBwError } from '../../shared/errors/bw-error.js';
import { isOver, judgeHangs, type Hang, type Standing } from '../../shared/hosts/judge-hangs.js';
import { presentHosts } from '../../shared/hosts/present-hosts.js';
import { probeMount } from '../../shared/hosts/probe-mount.js';
import { SuspicionStore } from '../../shared/hosts/suspicion.js';
import type { ParkReason } from '../../shared/limits/places.js';
import type { Metrics } from '../../shared/metrics/metrics.js';
import { topdirRoot } from '../../shared/paths/basepath-root.js';
import { bytePath } from '../../shared/paths/byte-path.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';

/** What others put on record is noticed within this, ms. */
const LOOK_EVERY_MS = 2_000;
/** Mounts that hung on this host are looked at so often, ms. */
const PROBE_EVERY_MS = 60_000;
/** What does not list the top of a filesystem in this time has not got over it, ms. */
const PROBE_TIMEOUT_MS = 30_000;
/** Right after a hang, while its slot is still taken, ms. */
const FIRST_PROBE_TIMEOUT_MS = 10_000;

export interface HostStandingParts {
  readonly config: Pick<Config, 'host' | 'topdirs'>;
  readonly queues: QueueSet;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly now: () => Date;
  /** Whether a topdir answers on this host. */
  readonly probe?: typeof probeMount;
}

const CLEAR: Standing = { aside: [], incidents: [] };

/**
 * What follows for this host from dars and scans that hung, here and elsewhere: whether it takes work, which topdirs and basepaths nobody reads for now. A host
 * that is set aside takes nothing of the backup queue, not only nothing of the topdir that hung: a queue cannot keep jobs from one host, who would only take and
 * give back; and a kernel with programs that hang in it is not to be trusted with the next.
 */
export class HostStanding {
  readonly #store: SuspicionStore;
  readonly #probe: typeof probeMount;
  readonly #listeners: (() => unknown)[] = [];
  readonly #probing = new Map<string, Promise<boolean>>();
  #hangs: readonly Hang[] = [];
  #past: readonly Hang[] = [];
  #parked: ReadonlySet<string> = new Set();
  #standing: Standing = CLEAR;

  constructor(private readonly parts: HostStandingParts) {
    this.#store = new SuspicionStore(parts.queues.redis, () => parts.now().getTime());
    this.#probe = parts.probe ?? probeMount;
  }

  /** This host takes no work of the backup queue. */
  get isAside(): boolean {
    return this.#standing.aside.includes(this.parts.config.host);
  }

  /** Why a job that reads this basepath may not start; null: it may. */
  holds(topdir: string, basepathId: string): Extract<ParkReason, 'incident' | 'hung'> | null {
    if (this.#standing.incidents.includes(topdir)) return 'incident';
    return this.#parked.has(basepathId) ? 'hung' : null;
  }

  /** Called after every change; a promise is awaited. */
  onChange(listener: () => unknown): void {
    this.#listeners.push(listener);
  }

  /** Something of a basepath hung here. Never rejects: without Redis the job goes on later as one that was stopped. */
  async noteHang(topdir: string, basepathId: string): Promise<void> {
    const { config, logger, metrics } = this.parts;
    try {
      const answered = await this.#answers(topdir, FIRST_PROBE_TIMEOUT_MS);
      const isParked = await this.#store.record({ topdir, basepathId, host: config.host, answered });
      metrics.hung(topdir);
      logger.error({ topdir, basepathId, answered, parked: isParked }, isParked ? 'the basepath hangs wherever it is read: it is parked' : 'a dar or scan hung: this host is suspected');
      await this.refresh();
    } catch (thrown) {
      logger.warn({ err: toBwError(thrown), topdir, basepathId }, 'a hang is not on record');
    }
  }

  /** It was read through here: whatever it was suspected of is over. `isAgain`: the job was begun before, perhaps on a host where it hung a moment ago. */
  async noteRead(basepathId: string, isAgain: boolean): Promise<void> {
    if (isAgain) await this.refresh();
    const own = [...this.#hangs, ...this.#past].filter((hang) => hang.basepathId === basepathId);
    if (own.length === 0) return;
    await this.#store.forget(own);
    await this.refresh();
  }

  /** Looks now. What cannot be read leaves all as it was. */
  async refresh(): Promise<void> {
    const { queues, logger } = this.parts;
    try {
      const { hangs, past, parked } = await this.#store.read();
      const standing = hangs.length === 0 ? CLEAR : judgeHangs(hangs, await presentHosts(queues.backup));
      const before = JSON.stringify([this.#standing, [...this.#parked]]);
      [this.#hangs, this.#past, this.#parked, this.#standing] = [hangs, past, new Set(parked.map(({ basepathId }) => basepathId)), standing];
      if (JSON.stringify([standing, [...this.#parked]]) === before) return;
      logger.warn({ ...standing, parked: [...this.#parked] }, 'who may read what has changed, because something hung or answers again');
      for (const listener of this.#listeners) await listener();
    } catch (thrown) {
      logger.warn({ err: toBwError(thrown) }, 'not known whether something hangs');
    }
  }

  /** Looks at what hung on this host, and clears what answers again. */
  async probe(): Promise<void> {
    const { config, now } = this.parts;
    const own = this.#hangs.filter(({ host }) => host === config.host);
    for (const topdir of new Set(own.map((hang) => hang.topdir))) {
      const answers = await this.#answers(topdir, PROBE_TIMEOUT_MS);
      for (const hang of own) if (hang.topdir === topdir) await this.#store.looked(hang, isOver(hang, answers, now().getTime()));
    }
    if (own.length > 0) await this.refresh();
  }

  /** Returns how to stop looking. */
  start(): () => void {
    const tell = (thrown: unknown): void => { this.parts.logger.warn({ err: toBwError(thrown) }, 'mounts that hung were not looked at'); };
    const timers = [setInterval(() => void this.refresh(), LOOK_EVERY_MS), setInterval(() => { this.probe().catch(tell); }, PROBE_EVERY_MS)];
    return () => { for (const timer of timers) clearInterval(timer); };
  }

  /** One probe of a mount at a time: what hangs in the kernel stays there. A topdir that is not of this host's configuration any more hangs nobody. */
  async #answers(topdir: string, timeoutMs: number): Promise<boolean> {
    const configured = this.parts.config.topdirs.find(({ path }) => path === topdir);
    if (configured === undefined) return true;
    if (this.#probing.has(topdir)) return false;
    const probing = this.#probe(bytePath.fromText(topdirRoot(configured)), timeoutMs).finally(() => this.#probing.delete(topdir));
    this.#probing.set(topdir, probing);
    return probing;
  }
}
