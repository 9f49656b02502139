import { run } from '../process/index.js';

/** Numbers of users or groups, which dar shows by name where this host knows them. */
export class OwnerIds {
  readonly #known = new Map<string, string>();

  constructor(readonly database: 'passwd' | 'group') {}

  async resolve(names: Iterable<string>): Promise<void> {
    for (const name of names) if (!/^\d+$/.test(name) && !this.#known.has(name)) this.#known.set(name, await this.#ask(name));
  }

  /** After resolve. */
  idOf(name: string): string {
    return this.#known.get(name) ?? name;
  }

  async #ask(name: string): Promise<string> {
    const { stdout } = await run({ program: 'getent', args: ['--', this.database, Buffer.from(name, 'latin1')] }, { okCodes: [0, 2] });
    return /^[^:]*:[^:]*:(\d+):/.exec(stdout.toString('latin1'))?.[1] ?? NOBODY;
  }
}

/** A name that went between listing and asking. */
const NOBODY = '65534';
