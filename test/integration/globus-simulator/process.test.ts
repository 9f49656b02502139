import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startSimulatorProcess, type SimulatorProcess } from '../../globus-simulator/simulator-process.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { simulatedGlobus } from '../../helpers/globus-simulator.js';
import { workspace } from '../../helpers/workspace.js';
import { PlainClient, transfer } from './client.js';

const product = compiledProduct();

it('as a process of its own loses nothing it has answered when it is killed', async () => {
  const globus = await simulatedGlobus(await workspace());
  const { options, source, archive } = globus;
  await globus.close(); // only its collections are used
  const start = async (): Promise<SimulatorProcess> => {
    const one = await startSimulatorProcess(product.dir, options);
    onTestFinished(() => one.end('SIGKILL'));
    return one;
  };
  await writeFile(join(source.dir, 'f'), 'f');
  const first = await start();
  await first.control({ do: 'freeze', on: true });
  const client = new PlainClient(first.url);
  await client.login();
  const { body } = await client.post('/transfer', transfer(source, archive, [['/f', '/to']]));
  await first.end('SIGKILL');

  const second = await start();
  const again = Object.assign(new PlainClient(second.url), { token: client.token });
  expect(await again.ended(body['task_id'])).toMatchObject({ status: 'SUCCEEDED' });
  expect((await second.state()).tasks.map(({ id }) => id)).toEqual([body['task_id']]);
  await second.end();
});
