import { run, startPipeline, type Command, type Pipeline, type RunResult } from '../../process/index.js';
import { toBwError, type BwError } from '../../errors/bw-error.js';
import type { Bandwidth } from '../bandwidth.js';
import { abortedError, ltsMissing } from '../posix/fs-errors.js';
import { unlessAborted } from '../unless-aborted.js';
import { factsOf, featuresSchema, typeOfRemote, type HashName, type RemoteFacts } from './facts.js';
import { kindOfFailure, rcloneError } from './failures.js';
import { questionMs, RCLONE_LIMITS, type Question, type RcloneLimits } from './limits.js';
import { parseJson, parseMessages } from './messages.js';

export interface RemoteOptions {
  /** Name of the LTS, for errors. */
  readonly lts: string;
  /** Name of the remote in rclone's configuration. */
  readonly remote: string;
  /** Directory (or bucket and prefix) in the remote. */
  readonly dir: string;
  /** null: remotes come from the environment (RCLONE_CONFIG_*). */
  readonly configFile: string | null;
  readonly bandwidth: Bandwidth;
  /** Default: RCLONE_LIMITS. */
  readonly limits?: RcloneLimits;
}

/** A root that was seen so lately, ms, is not looked at once more before something is sent: sending takes longer. */
const ROOT_SEEN_MS = 5_000;
/** rclone documents 0 to 10; what it means is judged here. */
const ANY_CODE = Array.from({ length: 256 }, (_, code) => code);
/** Names of a batch, with their hashes: 10,000 slices take 2 MB. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
/** A batch that fails is sent again by us, with pauses and a record of it. */
const NO_RETRIES = ['--retries', '1', '--low-level-retries', '3'];

export interface RunRclone {
  readonly signal?: AbortSignal | undefined;
  /** Names for `--files-from-raw -`. */
  readonly names?: readonly string[];
  readonly input?: Uint8Array;
  /** What an error is reported about. */
  readonly subject: string;
  /** Beside `names`: what it may take longer for. */
  readonly about?: Question;
  /** Instead of what follows from that. */
  readonly timeoutMs?: number;
}

/** One remote, asked by one rclone per question. */
export class RcloneRemote {
  readonly limits: RcloneLimits;
  #facts: Promise<RemoteFacts> | null = null;
  /** By performance.now(). */
  #rootSeenAt = -Infinity;

  constructor(readonly options: RemoteOptions) {
    this.limits = options.limits ?? RCLONE_LIMITS;
  }

  /** `remote:dir/path`. */
  at(path: string): string {
    const { remote, dir } = this.options;
    return `${remote}:${[dir.replace(/\/+$/, ''), path].filter((part) => part !== '').join('/')}`;
  }

  /** Asked once per process: what a type can do does not change. */
  facts(signal?: AbortSignal): Promise<RemoteFacts> {
    this.#facts ??= this.#askFacts().catch((thrown: unknown) => {
      this.#facts = null;
      throw thrown;
    });
    return unlessAborted(this.#facts, signal, this.at(''));
  }

  /** Throws what the failure means unless rclone ended with 0; `null` when the thing is not there and `orNull`. */
  async run(args: readonly string[], options: RunRclone): Promise<RunResult> {
    const result = await this.attempt(args, options);
    if (result.status.code !== 0) throw this.failure(result, options.subject);
    return result;
  }

  /** The same, null when rclone says that it is not there (the root may be the reason). */
  async runOrNull(args: readonly string[], options: RunRclone): Promise<RunResult | null> {
    const result = await this.attempt(args, options);
    if (result.status.code === 0) return result;
    if (kindOfFailure(result.status.code, parseMessages(result.stderr)) !== 'missing') throw this.failure(result, options.subject);
    await this.assertRoot(options.signal);
    return null;
  }

  /** Whatever rclone ends with. Throws TRANSFER_ABORTED, TRANSFER_IO where it does not end in time, and what starting a program throws. */
  async attempt(args: readonly string[], { signal, names, input, subject, about = {}, timeoutMs }: RunRclone): Promise<RunResult> {
    const given = names === undefined ? input : Buffer.from(names.map((name) => `${name}\n`).join(''));
    const all = names === undefined ? args : [...args, '--files-from-raw', '-', '--no-traverse'];
    try {
      return await run(this.command(all), {
        okCodes: ANY_CODE,
        maxOutputBytes: MAX_OUTPUT_BYTES,
        ...(signal === undefined ? {} : { signal }),
        ...(given === undefined ? {} : { input: given }),
        timeoutMs: timeoutMs ?? questionMs(this.limits, { names: names?.length ?? 0, ...about }, this.#slower()),
      });
    } catch (thrown) {
      throw this.translate(thrown, signal, subject);
    }
  }

  /** Starts rclone with its output streaming. */
  pipe(command: Command, signal: AbortSignal | undefined, input: Parameters<typeof startPipeline>[1] = {}): Pipeline {
    return startPipeline([command], { ...input, ...(signal === undefined ? {} : { signal }) });
  }

  command(args: readonly string[]): Command {
    const [verb = '', ...rest] = args;
    return { program: 'rclone', args: [verb, ...this.#general(), ...rest], env: environment() };
  }

  /** The limit of now, for a process that starts now: rclone takes no other one afterwards. */
  limited(direction: keyof Bandwidth): string[] {
    const rate = this.options.bandwidth[direction].rate();
    return rate === null ? [] : ['--bwlimit', `${Math.max(1, Math.floor(rate))}B`];
  }

  /** An absent root must never look like one without objects, nor be made. Object stores have no directories: there a missing bucket tells itself. */
  async assertRoot(signal?: AbortSignal): Promise<void> {
    if ((await this.facts(signal)).atomicPuts) return;
    const startedAt = performance.now();
    const result = await this.attempt(['lsjson', '--stat', this.at('')], { subject: this.at(''), signal });
    if (result.status.code === 0) {
      this.#rootSeenAt = startedAt;
      return;
    }
    if (kindOfFailure(result.status.code, parseMessages(result.stderr)) === 'missing') throw ltsMissing(this.at(''), undefined, this.options.lts);
    throw this.failure(result, this.at(''));
  }

  /** The same before something is sent: a small backup sends three times within seconds, and each look is a process. */
  async assertRootOfLate(signal?: AbortSignal): Promise<void> {
    if (performance.now() - this.#rootSeenAt > ROOT_SEEN_MS) await this.assertRoot(signal);
  }

  /** Hashes of objects, by name; those that are not there are left out. Read back where the far end has no hash of its own. `bytes`: how many they may be. */
  async hashes(names: readonly string[], bytes: number, signal?: AbortSignal): Promise<{ algorithm: HashName; found: Map<string, string> }> {
    const { hash } = await this.facts(signal);
    const algorithm = hash ?? 'sha256';
    const how = hash === null ? ['--download', ...this.limited('read')] : [];
    const { stdout } = await this.run(['hashsum', algorithm, ...how, this.at('')], { names, signal, subject: this.at(''), about: { bytes } });
    const lines = stdout.toString('utf8').split('\n').flatMap((line) => /^([0-9a-f]{32,128}) {2}(.+)$/.exec(line) ?? []);
    const found = new Map<string, string>();
    for (let at = 0; at < lines.length; at += 3) found.set(lines[at + 2] ?? '', lines[at + 1] ?? '');
    return { algorithm, found };
  }

  /** Removes a directory of unfinished objects; also after an abort, hence without its signal. What cannot be removed now is swept later. */
  async discard(partDirectory: string): Promise<void> {
    await this.attempt(['purge', this.at(partDirectory)], { subject: partDirectory, timeoutMs: this.limits.cleanUpMs }).catch(() => undefined);
  }

  failure({ status, stderr }: Pick<RunResult, 'status' | 'stderr'>, subject: string): BwError {
    const messages = parseMessages(stderr);
    return rcloneError(kindOfFailure(status.code, messages), messages, { lts: this.options.lts, subject });
  }

  translate(thrown: unknown, signal: AbortSignal | undefined, subject: string): BwError {
    const error = toBwError(thrown);
    if (signal?.aborted === true) return abortedError(subject);
    if (error.code !== 'PROGRAM_FAILED' && error.code !== 'PROGRAM_TIMEOUT') return error;
    if (error.code === 'PROGRAM_TIMEOUT') return this.hung(subject, error.message, error.detail);
    return rcloneError('other', parseMessages(error.detail ?? error.message), { lts: this.options.lts, subject });
  }

  /** What it means that rclone does not end, or is silent: the storage is out. `said`: what it printed until then. */
  hung(subject: string, what: string, said = ''): BwError {
    return rcloneError('connection', [{ level: 'error', text: what, object: null, underWay: null }, ...parseMessages(said)], { lts: this.options.lts, subject });
  }

  async #askFacts(): Promise<RemoteFacts> {
    const { remote, lts } = this.options;
    const subject = `${remote}:`;
    const { stdout } = await this.run(['backend', 'features', this.at('')], { subject });
    const parsed = featuresSchema.safeParse(parseJson(stdout.toString('utf8')));
    if (!parsed.success) throw rcloneError('other', [{ level: 'error', text: `rclone backend features printed something else than expected: ${parsed.error.message}`, object: null, underWay: null }], { lts, subject });
    const name = parsed.data.Name;
    const listed = name === 'local' ? null : await this.run(['listremotes', '--long'], { subject });
    return factsOf(parsed.data, typeOfRemote(listed?.stdout.toString('utf8') ?? '', name) ?? name, lts);
  }

  /** What bytes are limited to, whichever way they go. */
  #slower(): number | null {
    const [write, read] = [this.options.bandwidth.write.rate(), this.options.bandwidth.read.rate()];
    return write === null || read === null ? (write ?? read) : Math.min(write, read);
  }

  #general(): string[] {
    return ['--config', this.options.configFile ?? '/dev/null', '--use-json-log', '--contimeout', '30s', ...NO_RETRIES];
  }
}

/** Remotes, and the password of an encrypted configuration, that the service's environment holds. Buckets are never made: an absent one is a mistake. */
function environment(): Record<string, string> {
  const own = Object.entries(process.env).filter((entry): entry is [string, string] => entry[0].startsWith('RCLONE_CONFIG_') && entry[1] !== undefined);
  return { ...Object.fromEntries(own), RCLONE_S3_NO_CHECK_BUCKET: 'true' };
}
