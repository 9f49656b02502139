// The life of a task as the notes tell it: idempotent submits, queueing, errors that are tried again, cancel, deadline, history.
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SimulatorOptions } from '../../globus-simulator/options.js';
import { startGlobusSimulator } from '../../globus-simulator/simulator.js';
import { simulatedGlobus } from '../../helpers/globus-simulator.js';
import { workspace } from '../../helpers/workspace.js';
import { PlainClient, transfer, type Json } from './client.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function setUp(more: Partial<SimulatorOptions> = {}) {
  const globus = await simulatedGlobus(await workspace(), more);
  const client = new PlainClient(globus.url);
  await client.login();
  for (const name of ['f', 'g']) await writeFile(join(globus.source.dir, name), name);
  const submit = async (pairs: readonly (readonly [string, string])[], set: Json = {}): Promise<string> => {
    const { body } = await client.post('/transfer', transfer(globus.source, globus.archive, pairs, set));
    return String(body['task_id'] ?? body['code']);
  };
  const task = async (id: string): Promise<Json> => (await client.get(`/task/${id}`)).body;
  const codes = async (id: string): Promise<unknown[]> => ((await client.get(`/task/${id}/event_list?limit=100`)).body['DATA'] as Json[]).map(({ code }) => code);
  return { globus, client, submit, task, codes };
}

describe('submitting', () => {
  it('of the same submission id gives the first task, also after its end and without the body', async () => {
    const { globus, client } = await setUp();
    const body = transfer(globus.source, globus.archive, [['/f', '/to']]);
    const first = await client.post('/transfer', body);
    const again = await client.post('/transfer', body);
    expect(again.body).toMatchObject({ code: 'Duplicate', task_id: first.body['task_id'] });
    await client.ended(first.body['task_id']);
    const later = await client.post('/transfer', { ...body, DATA: [{ DATA_TYPE: 'transfer_item', source_path: '/g', destination_path: '/other' }] });
    expect(later.body).toMatchObject({ code: 'Duplicate', task_id: first.body['task_id'] });
    expect(globus.tasks()).toHaveLength(1);
  });

  it('of paths that are under way is a conflict without a task id, and none after their end', async () => {
    const { globus, client, submit } = await setUp();
    globus.control({ do: 'freeze', on: true });
    const id = await submit([['/f', '/to'], ['/g', '/to2']]);
    const { status, body } = await client.post('/transfer', transfer(globus.source, globus.archive, [['/g', '/to2']]));
    expect([status, body['code'], body['task_id']]).toEqual([409, 'Conflict', undefined]);
    globus.control({ do: 'freeze', on: false });
    await client.ended(id);
    await client.ended(await submit([['/g', '/to2']]));
  });

  it('by the same list only, where that is what counts', async () => {
    const { globus, submit } = await setUp({ identicalPaths: 'same-list' });
    globus.control({ do: 'freeze', on: true });
    await submit([['/f', '/to'], ['/g', '/to2']]);
    expect(await submit([['/g', '/to2']])).toMatch(/^[0-9a-f-]{36}$/);
    expect(await submit([['/g', '/to2'], ['/f', '/to']])).toBe('Conflict');
  });

  it('refuses what the service refuses', async () => {
    const { globus, client } = await setUp();
    const refused = async (more: Json): Promise<unknown[]> => {
      const { status, body } = await client.post('/transfer', transfer(globus.source, globus.archive, [['/f', '/to']], more));
      return [status, body['code']];
    };
    expect(await refused({ DATA: [] })).toEqual([400, 'ClientError.BadRequest.NoTransferItems']);
    expect(await refused({ label: 'x'.repeat(129) })).toEqual([400, 'ClientError.BadRequest']);
    expect(await refused({ label: ' x' })).toEqual([400, 'ClientError.BadRequest']);
    expect(await refused({ submission_id: 'mine' })).toEqual([400, 'ClientError.BadRequest']);
    expect(await refused({ source_endpoint: '00000000-0000-4000-8000-000000000000' })).toEqual([404, 'EndpointNotFound']);
    expect(globus.tasks()).toEqual([]);
  });
});

describe('working', () => {
  it('on three tasks at once; the others wait as Queued', async () => {
    const { globus, client, submit, task } = await setUp();
    globus.control({ do: 'freeze', on: true });
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push(await submit([['/f', `/to${i}`]]));
    const nice = await Promise.all(ids.map(async (id) => (await task(id))['nice_status']));
    expect(nice).toEqual(['OK', 'OK', 'OK', 'Queued', 'Queued']);
    globus.control({ do: 'freeze', on: false });
    for (const id of ids) expect(await client.ended(id)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it.each(['PERMISSION_DENIED', 'QUOTA_EXCEEDED'])('goes on trying after %s while the task stays ACTIVE', async (code) => {
    const { globus, client, submit, task, codes } = await setUp();
    globus.control({ do: 'path-error', prefix: '/to', side: 'destination', code });
    const id = await submit([['/f', '/to'], ['/g', '/fine']]);
    expect(await client.event(id, code)).toMatchObject({ is_error: true });
    expect(await task(id)).toMatchObject({ status: 'ACTIVE', nice_status: code, is_ok: false, subtasks_retrying: 1, subtasks_succeeded: 1 });
    globus.control({ do: 'clear-path-errors' });
    expect(await client.ended(id)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await codes(id))[0]).toBe('SUCCEEDED');
    expect((await codes(id)).at(-1)).toBe('STARTED');
  });

  it('fails at once on a full quota if it was told to', async () => {
    const { globus, client, submit } = await setUp();
    globus.control({ do: 'path-error', prefix: '/to', code: 'QUOTA_EXCEEDED' });
    const ended = await client.ended(await submit([['/f', '/to']], { fail_on_quota_errors: true }));
    expect(ended).toMatchObject({ status: 'FAILED', fatal_error: { code: 'QUOTA_EXCEEDED' } });
  });

  it('takes up a file that comes late, and skips one that is missing if it was told to, succeeding', async () => {
    const { globus, client, submit } = await setUp();
    const late = await submit([['/late', '/late']]);
    await client.event(late, 'FILE_NOT_FOUND');
    await writeFile(join(globus.source.dir, 'late'), 'now');
    expect(await client.ended(late)).toMatchObject({ status: 'SUCCEEDED' });
    const skipping = await submit([['/f', '/f'], ['/missing', '/missing']], { skip_source_errors: true });
    expect(await client.ended(skipping)).toMatchObject({ status: 'SUCCEEDED', subtasks_skipped_errors: 1, files_transferred: 1 });
    const { body } = await client.get(`/task/${skipping}/skipped_errors`);
    expect(body).toMatchObject({ next_marker: null, DATA: [{ error_code: 'FILE_NOT_FOUND', source_path: '/missing', destination_path: '/missing' }] });
  });

  it('says 400 when asked for what it moved before the end', async () => {
    const { globus, client, submit } = await setUp();
    globus.control({ do: 'freeze', on: true });
    const { status, body } = await client.get(`/task/${await submit([['/f', '/to']])}/successful_transfers`);
    expect([status, body['code']]).toEqual([400, 'ClientError.BadRequest']);
  });

  it('stops for missing credentials and for a pause, and goes on after them', async () => {
    const { globus, client, submit, task, codes } = await setUp();
    const { id: archive } = globus.archive;
    globus.control({ do: 'collection', id: archive, state: { inactive: true } });
    const id = await submit([['/f', '/to']]);
    expect(await task(id)).toMatchObject({ status: 'INACTIVE', is_ok: false });
    globus.control({ do: 'collection', id: archive, state: { inactive: false, pauseMessage: 'tapes are moved' } });
    expect(await task(id)).toMatchObject({ status: 'ACTIVE', is_paused: true, nice_status: 'PAUSED' });
    expect((await client.get(`/task/${id}/pause_info`)).body).toMatchObject({ destination_pause_message: 'tapes are moved', pause_rules: [{ message: 'tapes are moved' }] });
    expect((await client.get(`/operation/endpoint/${archive}/ls?path=/`)).body['code']).toBe('OperationPaused');
    globus.control({ do: 'collection', id: archive, state: { pauseMessage: null } });
    expect(await client.ended(id)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await codes(id)).filter((code) => code === 'PAUSED' || code === 'UNPAUSED')).toEqual(['UNPAUSED', 'PAUSED']);
  });
});

describe('ending', () => {
  it('at the deadline of the user, or 24 hours later without one', async () => {
    const { globus, submit, task, codes } = await setUp();
    globus.control({ do: 'path-error', prefix: '/to', code: 'PERMISSION_DENIED' });
    const mine = await submit([['/f', '/to1']], { deadline: new Date(Date.now() + HOUR).toISOString() });
    const theirs = await submit([['/g', '/to2']]);
    globus.control({ do: 'advance-clock', ms: 2 * HOUR });
    expect(await task(mine)).toMatchObject({ status: 'FAILED', fatal_error: { code: 'EXPIRED' }, subtasks_expired: 1 });
    expect((await codes(mine))[0]).toBe('EXPIRED');
    expect(await task(theirs)).toMatchObject({ status: 'ACTIVE' });
    globus.control({ do: 'advance-clock', ms: DAY });
    expect(await task(theirs)).toMatchObject({ status: 'FAILED' });
  });

  it('by a cancel, which has three answers', async () => {
    const { globus, client, submit, task } = await setUp();
    globus.control({ do: 'freeze', on: true });
    const id = await submit([['/f', '/to']]);
    expect((await client.post(`/task/${id}/cancel`)).body).toMatchObject({ DATA_TYPE: 'result', code: 'Canceled' });
    expect(await task(id)).toMatchObject({ status: 'FAILED', subtasks_canceled: 1 });
    expect(await client.event(id, 'CANCELED')).toMatchObject({ details: 'Canceled by the task owner' });
    expect((await client.post(`/task/${id}/cancel`)).body).toMatchObject({ code: 'TaskComplete' });
    const held = await submit([['/f', '/held']]);
    globus.control({ do: 'cancel-mode', mode: 'held' });
    expect((await client.post(`/task/${held}/cancel`)).body).toMatchObject({ code: 'CancelAccepted' });
    expect(await task(held)).toMatchObject({ status: 'ACTIVE' });
    globus.control({ do: 'cancel-mode', mode: 'normal' });
    expect(await task(held)).toMatchObject({ status: 'FAILED' });
    await expect(access(join(globus.archive.dir, 'held'))).rejects.toThrow('ENOENT');
  });

  it('as a success although the cancel was too late, and by an administrator', async () => {
    const { globus, client, submit, task } = await setUp();
    globus.control({ do: 'freeze', on: true });
    globus.control({ do: 'cancel-mode', mode: 'too-late' });
    const id = await submit([['/f', '/to']]);
    const other = await submit([['/g', '/to2']]);
    expect((await client.post(`/task/${id}/cancel`)).body).toMatchObject({ code: 'Canceled' });
    globus.control({ do: 'admin-cancel', task: other, message: 'not today' });
    expect(await task(other)).toMatchObject({ status: 'FAILED', canceled_by_admin: 'DESTINATION', canceled_by_admin_message: 'not today' });
    globus.control({ do: 'freeze', on: false });
    expect(await client.ended(id)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('with a history of 30 days, and an id that is not known for ever', async () => {
    const { globus, client, submit, task } = await setUp({ tokenSeconds: 365 * 86_400 });
    const id = await submit([['/f', '/to']]);
    await client.ended(id);
    globus.control({ do: 'advance-clock', ms: 31 * DAY });
    expect(await task(id)).toMatchObject({ status: 'SUCCEEDED', history_deleted: true });
    expect((await client.get(`/task/${id}/event_list`)).body['DATA']).toEqual([]);
    expect((await client.get(`/task/${id}/successful_transfers`)).status).toBe(404);
    globus.control({ do: 'advance-clock', ms: 300 * DAY });
    const { status, body } = await client.get(`/task/${id}`);
    expect([status, body['code']]).toEqual([404, 'ClientError.NotFound']);
  });

  it('after which it is not updated; before it, label and deadline are', async () => {
    const { globus, client, submit, task } = await setUp();
    globus.control({ do: 'freeze', on: true });
    const id = await submit([['/f', '/to']]);
    expect((await client.call('PUT', `/task/${id}`, { DATA_TYPE: 'task', label: 'new' })).body).toMatchObject({ code: 'Updated' });
    expect(await task(id)).toMatchObject({ label: 'new' });
    await client.post(`/task/${id}/cancel`);
    expect((await client.call('PUT', `/task/${id}`, { DATA_TYPE: 'task', label: 'x' })).status).toBe(409);
  });
});

describe('finding', () => {
  it('tasks by label, status and kind, newest first, page by page', async () => {
    const { globus, client, submit } = await setUp();
    globus.control({ do: 'freeze', on: true });
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) ids.push(await submit([['/f', `/to${i}`]], { label: `bwb ${i}` }));
    await client.post(`/task/${ids[0] ?? ''}/cancel`);
    const list = async (query: string): Promise<unknown[]> => ((await client.get(`/task_list?${query}`)).body['DATA'] as Json[]).map((one) => ids.indexOf(String(one['task_id'])));
    expect(await list('')).toEqual([3, 2, 1, 0]);
    expect(await list('filter=label:bwb%202')).toEqual([2]);
    expect(await list('filter=label:~BWB*/status:ACTIVE,INACTIVE')).toEqual([3, 2, 1]);
    expect(await list('filter=type:DELETE')).toEqual([]);
    expect(await list('orderby=request_time%20ASC&limit=2&offset=1')).toEqual([1, 2]);
    expect((await client.get('/task_list?limit=3')).body).toMatchObject({ length: 3, limit: 3, offset: 0, total: 4 });
    expect((await client.get('/task_list?fields=task_id,label&limit=1')).body['DATA']).toEqual([{ DATA_TYPE: 'task', task_id: ids[3], label: 'bwb 3' }]);
    // A slash ends a field of the filter: such a label cannot be looked for.
    expect((await client.get('/task_list?filter=label:bwb/1')).status).toBe(400);
  });
});

describe('deleting', () => {
  it('removes files, and directories only if told to; what is missing is an error unless it may be', async () => {
    const { globus, client } = await setUp();
    await mkdir(join(globus.archive.dir, 'd'));
    await writeFile(join(globus.archive.dir, 'd', 'x'), '');
    await writeFile(join(globus.archive.dir, 'one'), '');
    const run = async (paths: string[], more: Json): Promise<string> => {
      const submission_id = (await client.get('/submission_id')).body['value'];
      const DATA = paths.map((path) => ({ DATA_TYPE: 'delete_item', path }));
      const { body } = await client.post('/delete', { DATA_TYPE: 'delete', submission_id, endpoint: globus.archive.id, DATA, ...more });
      return String(body['task_id']);
    };
    expect(await client.ended(await run(['/one', '/none'], { ignore_missing: true }))).toMatchObject({ status: 'SUCCEEDED', type: 'DELETE' });
    await expect(access(join(globus.archive.dir, 'one'))).rejects.toThrow('ENOENT');
    await client.event(await run(['/none'], {}), 'FILE_NOT_FOUND');
    expect(await client.ended(await run(['/d'], {}))).toMatchObject({ status: 'FAILED' });
    expect(await client.ended(await run(['/d'], { recursive: true }))).toMatchObject({ status: 'SUCCEEDED' });
    expect(await client.ended(await run(['/'], { recursive: true, deadline: new Date(Date.now() - 1).toISOString() }))).toMatchObject({ status: 'FAILED' });
  });
});

describe('a restart', () => {
  it('knows everything that was answered, and goes on', async () => {
    const { globus, client, submit } = await setUp();
    globus.control({ do: 'freeze', on: true });
    const body = transfer(globus.source, globus.archive, [['/f', '/to']], { label: 'before' });
    const { body: first } = await client.post('/transfer', body);
    await globus.close();
    // What a killed process had half written is no record.
    await writeFile(join(globus.options.stateDir, 'globus-log.jsonl'), '{"t":"event","id', { flag: 'a' });
    const second = await startGlobusSimulator(globus.options);
    try {
      const again = Object.assign(new PlainClient(second.url), { token: client.token });
      expect((await again.post('/transfer', body)).body).toMatchObject({ code: 'Duplicate', task_id: first['task_id'] });
      expect(await again.ended(first['task_id'])).toMatchObject({ status: 'SUCCEEDED', label: 'before' });
      expect(await readFile(join(globus.archive.dir, 'to'), 'utf8')).toBe('f');
    } finally {
      await second.close();
    }
    await expect(submit([])).rejects.toThrow();
  });
});
