import { z } from 'zod';
import { OUTAGE_KINDS, type OutageKind } from '../errors/outages.js';

/** Something that jobs need and that may be out for all of them. */
export interface Resource {
  readonly kind: OutageKind;
  /** Of the LTS or host, path of the topdir, `catalog`. */
  readonly name: string;
}

const instant = z.number().int().nonnegative();

const causeSchema = z.object({ code: z.string(), message: z.string(), hint: z.string(), host: z.string() });

export const breakerSchema = z.object({
  v: z.literal(1),
  kind: z.enum(OUTAGE_KINDS),
  name: z.string(),
  /** closed: jobs go on · open: they wait · half-open: one host looks whether it is well again, they wait. */
  state: z.enum(['closed', 'open', 'half-open']),
  /** While closed: the newest error of each job since the last success, though the thing itself seemed well. */
  errors: z.array(z.object({ job: z.string(), host: z.string(), at: instant })),
  /** What opened it, or the newest look found. */
  cause: causeSchema.nullable(),
  /** ms since the epoch; null while closed. */
  since: instant.nullable(),
  /** Whom it concerns: one host alone, or, with a second one or `forAll`, every host. */
  hosts: z.array(z.string()),
  forAll: z.boolean(),
  /** A host that had not met it found it well: it concerns those that have, however many. */
  notAll: z.boolean().default(false),
  /** Who opened it by hand; it stays open until somebody closes it. */
  operator: z.string().nullable(),
  /** Bytes that must be free before it is well; 0 = not a matter of room. */
  needsBytes: z.number().nonnegative(),
  /** Pause before the next look, ms, and when that is due. */
  pauseMs: z.number().nonnegative(),
  lookAt: instant,
  /** Who looks, and until when that counts. */
  looks: z.object({ host: z.string(), until: instant }).nullable(),
  closedAt: instant.nullable(),
});

export type Breaker = z.infer<typeof breakerSchema>;

/** How fast it is looked again, ms. */
export interface BreakerTiming {
  readonly firstMs: number;
  readonly mostMs: number;
}

export interface Failure {
  readonly host: string;
  /** `QUEUE/ID`. */
  readonly job: string;
  readonly cause: Pick<z.infer<typeof causeSchema>, 'code' | 'message' | 'hint'>;
  /** A look at the thing itself failed too, or none is needed. */
  readonly proven: boolean;
  /** It is the same for every host, such as a quota. */
  readonly forAll: boolean;
  readonly needsBytes: number;
}

/** So many jobs in a row must fail, within so long, where the thing itself seems well: then whatever the look cannot see is out. */
const SUSPECT = { jobs: 3, withinMs: 600_000 } as const;
/** Opened again so soon after it was closed, its pauses go on growing where they were. */
const FLAPS_WITHIN_MS = 600_000;
/** Whoever looks must have told what it saw by then, ms: longer than any look takes. */
const LOOK_TAKES_MS = 60_000;
/** Hosts that the outage does not concern look when those that it does have not for so long, ms: they are gone. */
const OTHERS_LOOK_AFTER_MS = 300_000;

export function closedBreaker({ kind, name }: Resource): Breaker {
  return { v: 1, kind, name, state: 'closed', errors: [], cause: null, since: null, hosts: [], forAll: false, notAll: false, operator: null, needsBytes: 0, pauseMs: 0, lookAt: 0, looks: null, closedAt: null };
}

/** Whether jobs of this host wait (pure). */
export function isOpenFor(breaker: Breaker, host: string): boolean {
  return breaker.state !== 'closed' && (isForEveryone(breaker) || breaker.hosts.includes(host));
}

/** Whether also hosts wait that have not met it (pure). */
export function isForEveryone({ forAll, operator, hosts, notAll }: Breaker): boolean {
  return forAll || operator !== null || (hosts.length > 1 && !notAll);
}

/** A job failed with an error that an outage would explain (pure). */
export function afterFailure(breaker: Breaker, failure: Failure, nowMs: number, timing: BreakerTiming): Breaker {
  const { host, job, cause, proven, forAll, needsBytes } = failure;
  if (breaker.state !== 'closed') {
    // What a look found, or an operator said, tells more than what one more job met; but a full storage is to be told.
    return { ...breaker, cause: forAll && breaker.operator === null ? { ...cause, host } : breaker.cause, hosts: withHost(breaker.hosts, host), forAll: breaker.forAll || forAll, needsBytes: Math.max(breaker.needsBytes, needsBytes) };
  }
  const errors = [...breaker.errors.filter((each) => each.job !== job && nowMs - each.at < SUSPECT.withinMs), { job, host, at: nowMs }];
  if (!proven && errors.length < SUSPECT.jobs) return { ...breaker, errors };
  const flaps = breaker.closedAt !== null && nowMs - breaker.closedAt < FLAPS_WITHIN_MS;
  const pauseMs = flaps ? longer(breaker.pauseMs, timing) : timing.firstMs;
  const hosts = proven ? [host] : [...new Set(errors.map((each) => each.host))];
  return { ...breaker, state: 'open', errors: [], cause: { ...cause, host }, since: nowMs, hosts, forAll, notAll: false, operator: null, needsBytes, pauseMs, lookAt: nowMs + pauseMs, looks: null };
}

/** A job that needs it has done its work (pure). */
export function afterSuccess(breaker: Breaker): Breaker {
  return breaker.state === 'closed' && breaker.errors.length > 0 ? { ...breaker, errors: [] } : breaker;
}

/** Whether this host is to look now whether it is well again (pure). */
export function mayLook(breaker: Breaker, host: string, nowMs: number): boolean {
  const { state, operator, looks, lookAt } = breaker;
  if (state === 'closed' || operator !== null) return false;
  if (looks !== null && looks.until > nowMs) return false;
  return nowMs >= lookAt + (isOpenFor(breaker, host) ? 0 : OTHERS_LOOK_AFTER_MS);
}

/** This host looks (pure). */
export function lookBegins(breaker: Breaker, host: string, nowMs: number): Breaker {
  return { ...breaker, state: 'half-open', looks: { host, until: nowMs + LOOK_TAKES_MS } };
}

/** What it saw: null = all is well (pure). Unchanged when another host looks meanwhile, or an operator came between. */
export function lookEnds(breaker: Breaker, host: string, seen: Failure['cause'] | null, nowMs: number, timing: BreakerTiming): Breaker {
  if (breaker.state !== 'half-open' || breaker.looks?.host !== host) return breaker;
  if (seen === null) {
    const met = breaker.forAll || breaker.hosts.includes(host);
    const gone = nowMs >= breaker.lookAt + OTHERS_LOOK_AFTER_MS;
    // Two hosts whose mount is gone must not hold up a hundred; theirs stays out until one of them finds it well.
    return met || gone ? closes(breaker, nowMs) : { ...breaker, state: 'open', notAll: true, lookAt: nowMs + breaker.pauseMs, looks: null };
  }
  const pauseMs = longer(breaker.pauseMs, timing);
  return { ...breaker, state: 'open', cause: { ...seen, host }, pauseMs, lookAt: nowMs + pauseMs, looks: null };
}

/** An operator says that it is out (pure). */
export function openedByHand(breaker: Breaker, operator: string, reason: string, nowMs: number): Breaker {
  const cause = { code: 'OUTAGE', message: reason === '' ? 'opened by hand' : reason, hint: `Close it when that is over: bw-bkup breaker close ${label(breaker)}`, host: '' };
  return { ...breaker, state: 'open', errors: [], cause, since: breaker.since ?? nowMs, hosts: [], forAll: true, operator, needsBytes: 0, looks: null };
}

/** An operator says that it is well, or a look did; its pause is remembered for a while (pure). */
export function closes(breaker: Breaker, nowMs: number): Breaker {
  return { ...closedBreaker(breaker), pauseMs: breaker.pauseMs, closedAt: nowMs };
}

/** Nothing of it matters any more (pure). */
export function isForgotten({ state, errors, closedAt }: Breaker, nowMs: number): boolean {
  return state === 'closed' && errors.every(({ at }) => nowMs - at >= SUSPECT.withinMs) && (closedAt === null || nowMs - closedAt >= FLAPS_WITHIN_MS);
}

/** `lts:tape`: as people name it. */
export function label({ kind, name }: Resource): string {
  return `${kind}:${name}`;
}

function withHost(hosts: readonly string[], host: string): string[] {
  return hosts.includes(host) ? [...hosts] : [...hosts, host];
}

function longer(pauseMs: number, { firstMs, mostMs }: BreakerTiming): number {
  return Math.min(Math.max(pauseMs * 2, firstMs), mostMs);
}
