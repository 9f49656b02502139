import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';

/** Something that may hold a secret, and what to call it. */
export interface Place {
  readonly where: string;
  readonly bytes: Buffer;
}

/** `NAME in PLACE` for every secret in every place: as it is, and as it travels in URLs, in HTTP's Basic and in hexadecimal. */
export async function findSecrets(secrets: Readonly<Record<string, string>>, places: AsyncIterable<Place> | Iterable<Place>): Promise<string[]> {
  const needles = Object.entries(secrets).flatMap(([name, secret]) => formsOf(secret).map((needle) => ({ name, needle })));
  const found = new Set<string>();
  for await (const { where, bytes } of places) {
    for (const { name, needle } of needles) if (bytes.includes(needle)) found.add(`${name} in ${where}`);
  }
  return [...found].sort();
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // In base64 of a longer text it stands in one of three ways; what depends on its neighbours is cut off.
  const within = [0, 1, 2].map((before) => Buffer.concat([Buffer.alloc(before), bytes]).toString('base64').slice(before === 0 ? 0 : before + 1).replace(/.{0,4}=*$/, ''));
  return [...new Set([secret, encodeURIComponent(secret), bytes.toString('hex'), ...within])];
}

/** All files below dir but those of `except`. What goes away meanwhile was looked at too late. */
export async function* filesBelow(dir: string, except: readonly string[] = []): AsyncGenerator<Place> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (except.includes(path)) continue;
    if (entry.isDirectory()) yield* filesBelow(path, except);
    else if (entry.isFile()) yield { where: path, bytes: await readFile(path).catch(() => Buffer.alloc(0)) };
  }
}

/** Every key of Redis with its value. */
export async function* keysOf(redis: Redis): AsyncGenerator<Place> {
  for await (const keys of redis.scanStream({ count: 1_000 })) {
    for (const key of keys as string[]) yield { where: `key ${key}`, bytes: Buffer.from(`${key} ${JSON.stringify(await valueOf(redis, key))}`) };
  }
}

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string': return redis.get(key);
    case 'hash': return redis.hgetall(key);
    case 'list': return redis.lrange(key, 0, -1);
    case 'set': return redis.smembers(key);
    case 'zset': return redis.zrange(key, '0', '-1');
    case 'stream': return redis.xrange(key, '-', '+');
    default: return null;
  }
}

/** Command lines of all processes of the machine, as long as it runs. */
export class CommandLines {
  readonly #seen = new Map<string, Buffer>();
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(everyMs: number) {
    this.#timer = setInterval(() => {
      if (!this.#looking) void this.look();
    }, everyMs);
  }

  async look(): Promise<void> {
    this.#looking = true;
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const line = await readFile(`/proc/${pid}/cmdline`).catch(() => Buffer.alloc(0));
      this.#seen.set(line.toString('latin1'), line);
    }
    this.#looking = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  *places(): Generator<Place> {
    for (const [line, bytes] of this.#seen) yield { where: `arguments of ${line.split('\0')[0] ?? ''}`, bytes };
  }
}
