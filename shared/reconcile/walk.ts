import { toBwError } from '../errors/bw-error.js';
import { FINDINGS, type Finding, type FindingKind } from './finding.js';

/** What is out of step with one thing, and the step that mends it. */
export interface Decision<Act> {
  readonly kind: FindingKind;
  readonly subject: string;
  readonly detail: string;
  /** Default: says nothing. */
  readonly bytes?: bigint;
  /** What a person can call. */
  readonly command?: string;
  /** Null: nothing is done about it. */
  readonly act: Act | null;
}

/** Things that are looked at one by one: facts are read, what they mean is decided (pure), and what is safe is done. */
export interface Area<Facts, Act> {
  /** Names of what is to be looked at. */
  units(): AsyncIterable<string> | Iterable<string>;
  /** Null: there is nothing to say of it. `again`: something is about to be done, so that nothing remembered may be used. */
  observe(unit: string, again: boolean): Promise<Facts | null>;
  decide(facts: Facts): readonly Decision<Act>[];
  /** Idempotent, and harmless should the state have changed since a moment ago. */
  act(act: Act, unit: string): Promise<void>;
}

export interface WalkOptions {
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
  /** Of units that could not be looked at. */
  readonly onProblem: (unit: string, thrown: unknown) => void;
  /** Of units that could: all that was found. */
  readonly onLooked?: (unit: string, findings: readonly Finding[]) => void;
}

/** Looks at all of an area. What is found is mended before the next thing is looked at. */
export async function* walk<Facts, Act>(area: Area<Facts, Act>, options: WalkOptions): AsyncGenerator<Finding> {
  for await (const unit of area.units()) {
    if (options.signal?.aborted === true) return;
    try {
      const findings = options.dryRun ? await look(area, unit) : await mend(area, unit);
      options.onLooked?.(unit, findings);
      yield* findings;
    } catch (thrown) {
      options.onProblem(unit, thrown);
    }
  }
}

async function look<Facts, Act>(area: Area<Facts, Act>, unit: string): Promise<Finding[]> {
  return (await decisions(area, unit, false)).map((decision) => describe(decision, decision.act === null ? 'left' : 'found', null));
}

/** Each step is taken right after a look that asked for it: one changes what the next look sees. */
async function mend<Facts, Act>(area: Area<Facts, Act>, unit: string): Promise<Finding[]> {
  const done = new Map<string, Finding>();
  let seen = await decisions(area, unit, false);
  for (let again = false; seen.some((decision) => isOpen(decision, done)); again = true) {
    const next = seen.find((decision) => isOpen(decision, done));
    if (again && next !== undefined) done.set(keyOf(next), await tryAct(area, unit, next));
    seen = await decisions(area, unit, true);
  }
  return [...done.values(), ...seen.filter(({ act }) => act === null).map((decision) => describe(decision, 'left', null))];
}

async function decisions<Facts, Act>(area: Area<Facts, Act>, unit: string, again: boolean): Promise<readonly Decision<Act>[]> {
  const facts = await area.observe(unit, again);
  return facts === null ? [] : area.decide(facts);
}

async function tryAct<Facts, Act>(area: Area<Facts, Act>, unit: string, decision: Decision<Act>): Promise<Finding> {
  try {
    if (decision.act !== null) await area.act(decision.act, unit);
    return describe(decision, 'repaired', null);
  } catch (thrown) {
    const { code, message } = toBwError(thrown);
    return describe(decision, 'failed', `${code}: ${message}`);
  }
}

function isOpen({ act, ...decision }: Decision<unknown>, done: ReadonlyMap<string, Finding>): boolean {
  return act !== null && !done.has(keyOf(decision));
}

function keyOf({ kind, subject }: Pick<Decision<unknown>, 'kind' | 'subject'>): string {
  return `${kind} ${subject}`;
}

function describe({ kind, subject, detail, bytes, command }: Decision<unknown>, state: Finding['state'], error: string | null): Finding {
  return { kind, subject, detail, bytes: bytes === undefined ? null : bytes.toString(), state, command: command ?? null, error };
}

/** Whether a finding says that something is not as it should be still. */
export function isLeft({ kind, state }: Finding): boolean {
  return state === 'failed' || state === 'left' || (state === 'found' && FINDINGS[kind].act === 'report');
}
