import pino from 'pino';
import { expect, it } from 'vitest';
import { BwError } from '../../../../../shared/errors/bw-error.js';
import type { TransferBackend } from '../../../../../shared/transfer/backend.js';
import { inOrder, toEnough } from '../../../../../worker/jobs/transfer/to-enough.js';

type Act = (signal: AbortSignal) => Promise<void>;
const good: Act = () => Promise.resolve();
const bad: Act = () => Promise.reject(new BwError('TRANSFER_IO', { message: 'm', retry: 'retry', hint: 'h', lts: 'x' }));
/** Ends when it is told to, and not before. */
const slow: Act = (signal) => new Promise((_, reject) => {
  signal.addEventListener('abort', () => { reject(new Error('stopped')); }, { once: true });
});

async function tried(acts: Readonly<Record<string, Act>>, { needed, out = [], last = [] }: { needed: number; out?: string[]; last?: string[] }) {
  const missed: string[] = [];
  const backends = Object.keys(acts).map((name) => ({ name }) as unknown as TransferBackend);
  const done = await toEnough({ breakers: { isOpen: ({ name }) => out.includes(name) }, logger: pino({ enabled: false }) }, {
    backends,
    isEnough: (names) => names.length >= needed,
    act: ({ name }, signal) => (acts[name] as Act)(signal),
    onMissed: ({ name }, { code }) => { missed.push(`${name} ${code}`); return Promise.resolve(); },
    signal: new AbortController().signal,
    patienceMs: 20,
    isLeftOut: ({ name }, names) => last.includes(name) && names.length >= needed,
  });
  return { done, missed };
}

it.each([
  ['both, of which one is enough', { a: good, b: good }, { needed: 1 }, { done: ['a', 'b'], missed: [] }],
  ['one that is out keeps nobody', { a: good, b: good }, { needed: 1, out: ['a'] }, { done: ['b'], missed: [] }],
  ['nor one that fails', { a: bad, b: good }, { needed: 1 }, { done: ['b'], missed: ['a TRANSFER_IO'] }],
  ['nor one that is much slower than the others', { a: good, b: slow }, { needed: 1 }, { done: ['a'], missed: ['b TRANSFER_ABORTED'] }],
  ['one that is only for need is not tried without', { a: good, b: bad }, { needed: 1, last: ['b'] }, { done: ['a'], missed: [] }],
  ['but with', { a: bad, b: good }, { needed: 1, last: ['b'] }, { done: ['b'], missed: ['a TRANSFER_IO'] }],
])('%s', async (_, acts, options, expected) => {
  expect(await tried(acts, options)).toEqual(expected);
});

it('says why when they are not enough: what failed, else what is out', async () => {
  await expect(tried({ a: bad, b: good }, { needed: 2 })).rejects.toMatchObject({ code: 'TRANSFER_IO' });
  await expect(tried({ a: good, b: good }, { needed: 2, out: ['b'] })).rejects.toMatchObject({ code: 'OUTAGE', lts: 'b' });
});

it('takes them in the order a topdir names them', () => {
  expect(inOrder([{ name: 'a' }, { name: 'b' }, { name: 'c' }], ['c', 'a'])).toEqual([{ name: 'c' }, { name: 'a' }]);
});
