import { toBwError } from '../errors/bw-error.js';
import { BoundedCall } from '../metrics/bounded-call.js';

/** Throws when something is wrong; may return facts worth showing. */
export type Check = () => CheckFacts | undefined | Promise<CheckFacts | undefined>;
export type CheckFacts = Readonly<Record<string, string | number | boolean | null>>;

export interface CheckResult {
  readonly ok: boolean;
  readonly facts?: CheckFacts;
  /** Code, message and hint of the BwError; never a stack. */
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string };
}

export interface Report {
  readonly ok: boolean;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** Named checks run side by side, each with a deadline; one that hangs is not started twice. */
export class CheckList {
  readonly #calls: readonly BoundedCall<CheckFacts | undefined>[];

  constructor(checks: Readonly<Record<string, Check>>, timeoutMs: number) {
    this.#calls = Object.entries(checks).map(([name, check]) => new BoundedCall(name, check, { timeoutMs }));
  }

  /** ok when every check is. Never rejects. */
  async run(): Promise<Report> {
    const results = await Promise.all(this.#calls.map(async (call) => [call.name, await judge(call)] as const));
    return { ok: results.every(([, { ok }]) => ok), checks: Object.fromEntries(results) };
  }
}

async function judge(call: BoundedCall<CheckFacts | undefined>): Promise<CheckResult> {
  try {
    const facts = await call.get();
    return facts === undefined ? { ok: true } : { ok: true, facts };
  } catch (thrown) {
    const { code, message, hint } = toBwError(thrown);
    return { ok: false, error: { code, message, hint } };
  }
}
