import { describeBackend } from './backend-suite.js';
import { MemoryBackend } from './memory-backend.js';

describeBackend('asynchronous in memory', () => {
  const backend = new MemoryBackend();
  const change = (object: string, how: (bytes: Buffer) => Buffer): Promise<void> => {
    backend.objects.set(object, how(Buffer.from(backend.objects.get(object) ?? '')));
    return Promise.resolve();
  };
  return Promise.resolve({
    backend,
    damage: (object) => change(object, (bytes) => { bytes[1234] = (bytes[1234] ?? 0) ^ 1; return bytes; }),
    truncate: (object) => change(object, (bytes) => bytes.subarray(0, bytes.length / 2)),
    everything: () => Promise.resolve([...backend.objects.keys()].sort()),
  });
});
