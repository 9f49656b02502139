// One schema accepts both: what public sources show of the service, and what the simulator answers.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { simulatedGlobus } from '../../helpers/globus-simulator.js';
import { workspace } from '../../helpers/workspace.js';
import { PlainClient, transfer, type Json } from './client.js';
import * as golden from './golden.js';
import * as shapes from './shapes.js';

const faults = (schema: z.ZodType, answer: unknown): unknown => schema.safeParse(answer).error?.issues ?? [];

describe('the schemas', () => {
  it.each([
    ['submitted', shapes.submitted, golden.SUBMITTED], ['no items', shapes.error, golden.NO_ITEMS],
    ['cancelled', shapes.result, golden.CANCELED], ['made', shapes.result, golden.MADE], ['renamed', shapes.result, golden.RENAMED],
    ['file', shapes.file, golden.FILE], ['listing', shapes.fileList, golden.FILE_LIST], ['not found', shapes.error, golden.NOT_FOUND], ['denied', shapes.error, golden.DENIED],
    ['successes', shapes.successes, golden.SUCCESSES], ['skipped', shapes.skipped, golden.SKIPPED], ['events', shapes.eventList, golden.EVENTS], ['pause', shapes.pauseInfo, golden.PAUSE],
    ['consent', shapes.error, golden.CONSENT], ['policy', shapes.error, golden.POLICY], ['login', shapes.error, golden.LOGIN], ['token', shapes.token, golden.TOKEN], ['task', shapes.task, golden.TASK],
  ])('accept the public sample: %s', (_, schema, sample) => {
    expect(faults(schema, sample)).toEqual([]);
    expect(faults(schema, { ...sample, unheard_of: 1 })).not.toEqual([]);
  });
});

it('every answer of the simulator has the shape of the public ones', async () => {
  const dir = await workspace();
  await mkdir(join(dir, 'mapped'));
  const mapped = { id: '11111111-2222-4333-8444-555555555555', dir: join(dir, 'mapped'), entityType: 'GCSv5_mapped_collection' as const };
  const base = await simulatedGlobus(dir);
  await base.close();
  const globus = await simulatedGlobus(dir, { collections: [...base.options.collections, mapped] });
  const { source, archive } = base;
  const client = new PlainClient(globus.url);
  const wrong: string[] = [];
  const check = (name: string, schema: z.ZodType, body: Json): Json => {
    const found = faults(schema, body);
    if (JSON.stringify(found) !== '[]') wrong.push(`${name}: ${JSON.stringify(found)}`);
    return body;
  };
  const get = async (schema: z.ZodType, path: string): Promise<Json> => check(path, schema, (await client.get(path)).body);
  const post = async (schema: z.ZodType, path: string, body: Json = {}): Promise<Json> => check(path, schema, (await client.post(path, body)).body);

  check('token', shapes.token, (await client.login()).body);
  await writeFile(join(source.dir, 'f'), 'f');
  await get(shapes.submissionId, '/submission_id');
  const { task_id: id } = await post(shapes.submitted, '/transfer', transfer(source, archive, [['/f', '/to'], ['/none', '/none']], { skip_source_errors: true }));
  check('ended', shapes.task, await client.ended(id));
  for (const [schema, name] of [[shapes.successes, 'successful_transfers'], [shapes.skipped, 'skipped_errors'], [shapes.eventList, 'event_list'], [shapes.pauseInfo, 'pause_info']] as const) {
    await get(schema, `/task/${String(id)}/${name}`);
  }
  globus.control({ do: 'collection', id: archive.id, state: { pauseMessage: 'not now' } });
  const { task_id: paused } = await post(shapes.submitted, '/delete', { DATA_TYPE: 'delete', submission_id: crypto.randomUUID(), endpoint: archive.id, DATA: [{ DATA_TYPE: 'delete_item', path: '/to' }] });
  await get(shapes.pauseInfo, `/task/${String(paused)}/pause_info`);
  await get(shapes.taskList, '/task_list');
  check('update', shapes.result, (await client.call('PUT', `/task/${String(paused)}`, { label: 'x' })).body);
  await post(shapes.result, `/task/${String(paused)}/cancel`);
  await get(shapes.task, `/task/${String(paused)}`);
  globus.control({ do: 'collection', id: archive.id, state: { pauseMessage: null } });

  const at = `/operation/endpoint/${archive.id}`;
  await post(shapes.result, `${at}/mkdir`, { path: '/d' });
  await post(shapes.result, `${at}/rename`, { old_path: '/d', new_path: '/e' });
  await get(shapes.fileList, `${at}/ls?path=/`);
  await get(shapes.file, `${at}/stat?path=/to`);
  await get(shapes.error, `${at}/stat?path=/none`);
  await get(shapes.error, `/operation/endpoint/${mapped.id}/ls?path=/`);
  for (const session of ['policy-failed', 'login-failed'] as const) {
    globus.control({ do: 'collection', id: archive.id, state: { session } });
    await get(shapes.error, `${at}/ls?path=/`);
  }
  await post(shapes.error, '/transfer', transfer(source, archive, []));
  await get(shapes.error, '/task/00000000-0000-4000-8000-000000000000');
  client.token = 'wrong';
  await get(shapes.error, '/submission_id');
  expect(wrong).toEqual([]);
});
