import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { onTestFinished, type TestContext } from 'vitest';
import { needs } from './needs.js';

const run = promisify(execFile);

/** A network of two: this machine and a namespace, with a cable between them that can be pulled. */
export interface NetworkNamespace {
  /** Address of this machine on the cable, where the namespace reaches it. */
  readonly hereAddress: string;
  /** Put before a command, it runs in the namespace, in the same process. */
  readonly prefix: readonly string[];
  cut(): Promise<void>;
  mend(): Promise<void>;
}

/** Skips the test where namespaces are not permitted, or `ip` is missing. Gone when the test ends. */
export async function networkNamespace(context: TestContext): Promise<NetworkNamespace> {
  const id = String(process.pid % 60_000);
  const [name, here, there] = [`bwt-${id}`, `bwh${id}`, `bwn${id}`];
  const ip = (...args: string[]): Promise<unknown> => run('ip', args);
  // 198.18.0.0/15 is for benchmarks of networks: nobody has it.
  const net = `198.18.${process.pid % 250}`;
  const made = await ip('netns', 'add', name).then(() => true, () => false);
  if (made) onTestFinished(async () => { await ip('netns', 'del', name); });
  const cabled = made && (await ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name).then(() => true, () => false));
  if (cabled) onTestFinished(async () => { await ip('link', 'del', here).catch(() => undefined); });
  needs(context, cabled, 'root, ip (iproute2) and permission to make network namespaces');
  await ip('addr', 'add', `${net}.1/24`, 'dev', here);
  await ip('link', 'set', here, 'up');
  for (const args of [['addr', 'add', `${net}.2/24`, 'dev', there], ['link', 'set', there, 'up'], ['link', 'set', 'lo', 'up']]) await ip('-n', name, ...args);
  return { hereAddress: `${net}.1`, prefix: ['ip', 'netns', 'exec', name], cut: async () => { await ip('link', 'set', here, 'down'); }, mend: async () => { await ip('link', 'set', here, 'up'); } };
}
