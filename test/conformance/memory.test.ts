import { describe } from 'vitest';
import { describeBackend, type BackendUnderTest } from './backend-suite.js';
import { MemoryBackend } from './memory-backend.js';
import { TapeBackend } from './tape-backend.js';

describeBackend('asynchronous in memory', () => Promise.resolve(under(new MemoryBackend())));
describe.each([['that tells what lies there', true], ['that does not', false]])('with tapes', (how, tells) => {
  describeBackend(`in memory with tapes, ${how}`, () => {
    const backend = new TapeBackend(tells);
    return Promise.resolve({ ...under(backend), tape: { toTape: (objects) => { backend.toTape(objects); }, deliver: () => { backend.deliver(); } } });
  });
});

function under(backend: MemoryBackend): BackendUnderTest {
  const change = (object: string, how: (bytes: Buffer) => Buffer): Promise<void> => {
    backend.objects.set(object, how(Buffer.from(backend.objects.get(object) ?? '')));
    return Promise.resolve();
  };
  return {
    backend,
    damage: (object) => change(object, (bytes) => { bytes[1234] = (bytes[1234] ?? 0) ^ 1; return bytes; }),
    truncate: (object) => change(object, (bytes) => bytes.subarray(0, bytes.length / 2)),
    everything: () => Promise.resolve([...backend.objects.keys()].sort()),
  };
}
