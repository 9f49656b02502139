import type { Logger } from 'pino';
import { toBwError } from '../../shared/errors/bw-error.js';
import type { FindSlots } from '../../shared/index/find-slots.js';
import type { Metrics } from '../../shared/metrics/metrics.js';
import type { BytePath } from '../../shared/paths/byte-path.js';
import { Brake } from '../supervise/brake.js';
import type { LiveLimits } from './live-limits.js';
import { samplePaths, statProbe } from './stat-probe.js';
import { freshThrottle, medianOf, throttleStep, type Throttle } from './throttle.js';

export const SOURCE_SLOW = 'source slow';

const PROBE_EVERY_MS = 5_000;
/** Nothing is slower than this. */
const PROBE_TIMEOUT_MS = 10_000;

export interface SourcesParts {
  readonly limits: LiveLimits;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** A clock that does not jump, ms. */
  readonly clock?: () => number;
  /** Time of a stat of the paths that are read, ms. */
  readonly probe?: (roots: readonly BytePath[], turn: number) => Promise<number>;
}

interface Source {
  readonly topdir: string;
  readonly brake: Brake;
  /** Roots that are read now, by reader. */
  readonly readers: Map<symbol, BytePath>;
  throttle: Throttle;
  turn: number;
  /** When the probe that is under way began; null when none is. */
  askedAt: number | null;
  reportedMs: number;
}

/**
 * What this host reads, by topdir: while something reads it and a limit of stat latency is in force, it is probed every few seconds, and all that reads it
 * stands still while it is slow, but for a tenth of the time.
 */
export class Sources {
  readonly #sources = new Map<string, Source>();
  readonly #now: () => number;
  readonly #probe: NonNullable<SourcesParts['probe']>;

  constructor(private readonly parts: SourcesParts) {
    this.#now = parts.clock ?? (() => performance.now());
    this.#probe = parts.probe ?? probeRoots;
  }

  /** `brake` is held with the source from now on. Returns how to take it off; what was held by it then goes on. */
  attach(topdir: string, root: BytePath, brake: Brake): () => void {
    const source = this.#sourceOf(topdir);
    const reader = Symbol(topdir);
    source.readers.set(reader, root);
    const detach = source.brake.attach({ pause: () => { brake.hold(SOURCE_SLOW); }, resume: () => { brake.release(SOURCE_SLOW); } });
    return () => {
      detach();
      source.readers.delete(reader);
    };
  }

  /** For a scan: its source counts as read until it leaves, and no find begins while that is held. One that runs goes on: it has a part of the tree only, or all of one that it lists fast. */
  scanning(topdir: string, root: BytePath, finds: Pick<FindSlots, 'take'>): { readonly slots: Pick<FindSlots, 'take'>; readonly leave: () => void } {
    const take: FindSlots['take'] = async (filesystem, limit, signal) => {
      await this.untilFree(topdir, root, signal);
      return finds.take(filesystem, limit, signal);
    };
    return { slots: { take }, leave: this.attach(topdir, root, new Brake(this.#now)) };
  }

  /** Resolves when nothing holds the source. Rejects when the signal aborts. */
  async untilFree(topdir: string, root: BytePath, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { brake } = this.#sourceOf(topdir);
    if (!brake.isHeld) return;
    const own = new Brake();
    let detach = (): void => undefined;
    let leave = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        own.attach({ pause: () => undefined, resume: resolve });
        leave = () => { reject(signal?.reason as Error); };
        signal?.addEventListener('abort', leave, { once: true });
        detach = this.attach(topdir, root, own);
      });
    } finally {
      signal?.removeEventListener('abort', leave);
      detach();
    }
  }

  /** Probes every few seconds what is read, until stopped; what is held then goes on. */
  start(): () => void {
    const timer = setInterval(() => { this.tick(); }, PROBE_EVERY_MS);
    return () => {
      clearInterval(timer);
      for (const { brake } of this.#sources.values()) brake.release(SOURCE_SLOW);
    };
  }

  /** Starts a probe of each source that is read. One that does not answer counts as slow as it has been by now. */
  tick(): void {
    for (const source of this.#sources.values()) {
      const { topdir, readers, askedAt } = source;
      const limits = this.#limitsOf(topdir);
      if (limits.absoluteMs === null && limits.factor === null) this.#forget(source);
      else if (askedAt !== null) this.#stillAsked(source, this.#now() - askedAt);
      else if (readers.size > 0) void this.#ask(source);
    }
  }

  #stillAsked(source: Source, sinceMs: number): void {
    if (sinceMs >= PROBE_EVERY_MS) this.#learn(source, sinceMs);
  }

  async #ask(source: Source): Promise<void> {
    const askedAt = this.#now();
    source.askedAt = askedAt;
    try {
      const ms = await this.#probe([...new Set(source.readers.values())], source.turn++);
      if (source.askedAt === askedAt) this.#learn(source, ms);
    } catch (thrown) {
      this.parts.logger.warn({ err: toBwError(thrown), topdir: source.topdir }, 'source not probed');
    } finally {
      source.askedAt = null;
    }
  }

  #learn(source: Source, probeMs: number): void {
    const { topdir, brake, throttle: before } = source;
    source.throttle = throttleStep(before, probeMs, this.#limitsOf(topdir), this.#now());
    const { mode, window, usualMs } = source.throttle;
    if (mode === 'hold') brake.hold(SOURCE_SLOW);
    else brake.release(SOURCE_SLOW);
    const statMs = medianOf(window);
    this.parts.metrics.sourceProbed({ topdir, statMs, throttledMs: brake.heldMs - source.reportedMs });
    source.reportedMs = brake.heldMs;
    if ((mode === 'run') === (before.mode === 'run')) return;
    this.parts.logger.warn({ topdir, statMs, usualMs }, mode === 'run' ? 'the source is well again: all goes on' : 'the source is slow: what reads it is stopped, but for a tenth of the time');
  }

  #limitsOf(topdir: string): { readonly absoluteMs: number | null; readonly factor: number | null } {
    const { limits } = this.parts;
    return { absoluteMs: limits.get('statLatency', { topdir }), factor: limits.get('statFactor', { topdir }) };
  }

  /** No limit is in force, or not any more. */
  #forget(source: Source): void {
    source.throttle = freshThrottle(this.#now(), source.throttle.usualMs);
    source.brake.release(SOURCE_SLOW);
  }

  #sourceOf(topdir: string): Source {
    let source = this.#sources.get(topdir);
    if (source === undefined) {
      source = { topdir, brake: new Brake(this.#now), readers: new Map(), throttle: freshThrottle(this.#now()), turn: 0, askedAt: null, reportedMs: 0 };
      this.#sources.set(topdir, source);
    }
    return source;
  }
}

const known = new Map<BytePath, Promise<BytePath[]>>();
/** More roots than any host reads at a time. */
const MAX_KNOWN = 1000;

/** One root at a time, in turn. */
async function probeRoots(roots: readonly BytePath[], turn: number): Promise<number> {
  const root = roots[turn % roots.length] as BytePath;
  if (known.size > MAX_KNOWN) known.clear();
  const paths = known.get(root) ?? samplePaths(root);
  known.set(root, paths);
  return statProbe(await paths, turn, PROBE_TIMEOUT_MS);
}
