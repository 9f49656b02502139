// What the backend makes of what the service does, beyond what its own tests ask (test/integration/globus): calls that go wrong, sessions, deadlines.
import { describe, expect, it } from 'vitest';
import type { Command } from '../../globus-simulator/switches.js';
import { globusLts, type GlobusLts } from '../../helpers/globus-lts.js';
import { workspace } from '../../helpers/workspace.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import type { TransferItem, TransferStatus } from '../../../shared/transfer/backend.js';
import type { SimulatorOptions } from '../../globus-simulator/options.js';
import { toBwError } from '../../../shared/errors/bw-error.js';

const HOUR = 3_600_000;

async function setUp(simulated: Partial<SimulatorOptions> = {}, stuckAfterMs = 0): Promise<GlobusLts & { item: TransferItem }> {
  const lts = await globusLts(await workspace(), { stuckAfterMs, sleep: () => new Promise((resolve) => setTimeout(resolve, 1)) }, simulated);
  return { ...lts, item: await sampleItem(await workspace(), 'a/b/c', sampleBytes(1_000)) };
}

/** How a transfer goes: at once, or when it has come to an end or to a halt. */
async function send({ backend, item }: GlobusLts & { item: TransferItem }): Promise<TransferStatus> {
  try {
    const handle = await backend.submit(await backend.prepare([item]), [item]);
    for (;;) {
      const status = await backend.poll(handle, [item]);
      if (['sent', 'failed', 'cancelled', 'needs-operator', 'paused'].includes(status.state)) return status;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  } catch (thrown) {
    return { state: 'failed', bytes: 0, files: 0, error: toBwError(thrown) };
  }
}

const said = ({ state, error }: TransferStatus): unknown[] => [state, error?.code, error?.retry];

describe('a transfer', () => {
  it.each([
    ['meets an error nobody has heard of', { do: 'fault', kind: 'status', status: 418, code: 'Teapot', on: 'POST /v0.10/transfer' }, ['failed', 'GLOBUS_REFUSED', 'permanent']],
    ['gets no answer to its submit', { do: 'fault', kind: 'drop-reply', on: 'POST /v0.10/transfer' }, ['sent', undefined, undefined]],
    ['gets half an answer to its submit', { do: 'fault', kind: 'truncate', on: 'POST /v0.10/transfer' }, ['sent', undefined, undefined]],
    ['meets a burst of 502', { do: 'fault', kind: 'status', status: 502, times: 4 }, ['sent', undefined, undefined]],
    ['is told to wait', { do: 'fault', kind: 'status', status: 429, retryAfterSeconds: 1 }, ['sent', undefined, undefined]],
  ] as const)('that %s', async (_, command: Command, expected) => {
    const lts = await setUp();
    await lts.backend.probe();
    lts.globus.control(command);
    expect(said(await send(lts))).toEqual(expected);
    expect(lts.globus.tasks().filter(({ type }) => type === 'TRANSFER').length).toBeLessThanOrEqual(1);
  });

  it.each([
    ['to a collection that is not connected', { disconnected: true }, ['failed', 'TRANSFER_IO', 'retry']],
    ['whose session has expired', { session: 'policy-failed' }, ['failed', 'GLOBUS_SESSION_EXPIRED', 'operator']],
    ['that is not let in', { session: 'login-failed' }, ['failed', 'GLOBUS_SESSION_EXPIRED', 'operator']],
  ] as const)('%s', async (_, state, expected) => {
    const lts = await setUp();
    lts.globus.control({ do: 'collection', id: lts.globus.archive.id, state });
    expect(said(await send(lts))).toEqual(expected);
  });

  it('whose time is up says what it was trying', async () => {
    const { backend, globus, item } = await setUp({}, 1_000 * HOUR);
    globus.control({ do: 'path-error', prefix: '/bw', side: 'destination', code: 'PERMISSION_DENIED' });
    const handle = await backend.submit(await backend.prepare([item]), [item]);
    while ((await backend.poll(handle, [item])).error?.code !== 'TRANSFER_DENIED') await new Promise((resolve) => setTimeout(resolve, 2));
    globus.control({ do: 'clear-path-errors' });
    globus.control({ do: 'freeze', on: true });
    globus.control({ do: 'advance-clock', ms: 100 * HOUR });
    globus.control({ do: 'freeze', on: false });
    expect(said(await backend.poll(handle, [item]))).toEqual(['failed', 'TRANSFER_DENIED', 'operator']);
  });
});

it('a collection whose operations are paused needs a person', async () => {
  const { backend, globus } = await setUp();
  globus.control({ do: 'collection', id: globus.archive.id, state: { pauseMessage: 'tapes are moved' } });
  await expect(backend.stat('a/b')).rejects.toMatchObject({ code: 'GLOBUS_PAUSED', retry: 'operator' });
});
