import { expect, test } from 'vitest';
import { BEARER, serveBoard, TOKEN } from './board-server.js';
import { startRedis } from './redis.js';

/** One write per kind of route of bull-board 9.10.1. */
const WRITES: readonly (readonly [method: string, path: string, body?: object])[] = [
  ['PUT', '/api/queues/pause'],
  ['PUT', '/api/queues/backup/pause'],
  ['PUT', '/api/queues/backup/resume'],
  ['PUT', '/api/queues/backup/empty'],
  ['PUT', '/api/queues/backup/obliterate', { force: true }],
  ['PUT', '/api/queues/backup/promote'],
  ['PUT', '/api/queues/backup/clean/wait'],
  ['PUT', '/api/queues/backup/retry/failed'],
  ['PUT', '/api/queues/backup/concurrency', { concurrency: 1 }],
  ['PUT', '/api/queues/backup/rate-limit', { max: 1, duration: 1000 }],
  ['POST', '/api/queues/backup/add', { name: 'full', data: {}, options: {} }],
  ['PUT', '/api/queues/backup/job-1/clean'],
  ['PUT', '/api/queues/backup/job-1/retry'],
  ['PUT', '/api/queues/backup/job-1/promote'],
  ['PATCH', '/api/queues/backup/job-1/update-data', { jobData: {} }],
  ['PATCH', '/api/queues/backup/job-1/priority', { priority: 1 }],
];

async function boardWithJob(options: Parameters<typeof serveBoard>[1] = {}) {
  const { queue, redis } = await startRedis();
  const backup = queue('backup');
  const secrets = { password: 'hunter2', url: 'redis://bw:hunter2@redis.example:6379' };
  await backup.add('full', { backupId: '01J', keyId: 'site-2030', ...secrets }, { jobId: 'job-1', priority: 30 });
  const server = await serveBoard([backup], options);
  const send = (method: string, path: string, headers: Record<string, string> = BEARER, body?: object) =>
    fetch(`${server.url}/queues${path}`, {
      method,
      headers: { ...headers, 'content-type': 'application/json' },
      redirect: 'manual',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return { ...server, send, backup, redis, queue };
}

test('without the token nothing is served: page, API and static files', async () => {
  const { send } = await boardWithJob();
  const wrong = { authorization: `Bearer ${'0'.repeat(64)}` };
  for (const path of ['', '/', '/queue/backup', '/api/queues', '/api/redis/stats', '/static/favicon.ico', '/static/images/logo.svg']) {
    for (const headers of [{}, wrong, { cookie: 'bw_board=9999999999999.00' }, { authorization: `Basic ${TOKEN}` }]) {
      const response = await send('GET', path, headers);
      expect([path, response.status]).toEqual([path, 401]);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect(await response.json()).toMatchObject({ error: { code: 'BOARD_TOKEN_REQUIRED' } });
    }
  }
});

test('the bearer sees queues and jobs; a queue added later appears', async () => {
  const { send, board, backup, queue } = await boardWithJob();
  const names = async (): Promise<string[]> =>
    ((await (await send('GET', '/api/queues')).json()) as { queues: { name: string }[] }).queues.map(({ name }) => name);
  expect(await names()).toEqual(['backup']);
  board.setQueues([backup, queue('transfer-ie1')]);
  expect(await names()).toEqual(['backup', 'transfer-ie1']);
});

test('secrets in job data are masked, ids are not', async () => {
  const { send } = await boardWithJob();
  for (const path of ['/api/queues?activeQueue=backup&status=prioritized&page=1', '/api/queues/backup/job-1']) {
    const text = await (await send('GET', path)).text();
    expect(text).not.toContain('hunter2');
    expect(text).toContain('"password":"***"');
    expect(text).toContain('redis://***@redis.example:6379');
    expect(text).toContain('"keyId":"site-2030"');
    expect(text).toContain('job-1');
  }
});

test('secrets in the logs and the error of a job are masked', async () => {
  const { send, backup, redis } = await boardWithJob();
  const job = await backup.getJob('job-1');
  await job?.log('connecting with password=hunter2 now');
  await redis.hset(backup.toKey('job-1'), 'failedReason', 'refused: Authorization: Bearer hunter2hunter2');
  const logs = await (await send('GET', '/api/queues/backup/job-1/logs')).text();
  expect(logs).toContain('connecting with password=*** now');
  const shown = await (await send('GET', '/api/queues/backup/job-1')).text();
  expect(shown).toContain('refused');
  expect(shown).not.toContain('hunter2');
});

test('read-only: every write is refused and changes nothing', async () => {
  const { send, backup } = await boardWithJob();
  for (const [method, path, body] of WRITES) {
    const response = await send(method, path, BEARER, body);
    expect([path, response.status]).toEqual([path, 405]);
    expect(await response.json()).toMatchObject({ error: { code: 'BOARD_READ_ONLY' } });
  }
  expect(await backup.isPaused()).toBe(false);
  expect(await backup.getJobCounts('prioritized', 'waiting')).toEqual({ prioritized: 1, waiting: 0 });
  expect((await backup.getJob('job-1'))?.data).toMatchObject({ password: 'hunter2' });
});

test('bull-board itself knows that the queues are read-only', async () => {
  const { send } = await boardWithJob();
  const { queues } = (await (await send('GET', '/api/queues')).json()) as { queues: object[] };
  expect(queues).toEqual([expect.objectContaining({ readOnlyMode: true, allowRetries: false })]);
});

test('writable: pausing works, adding jobs and editing data never does', async () => {
  const { send, backup } = await boardWithJob({ readOnly: false });
  expect((await send('PUT', '/api/queues/backup/pause')).status).toBe(200);
  expect(await backup.isPaused()).toBe(true);
  expect((await send('PATCH', '/api/queues/backup/job-1/update-data', BEARER, { jobData: { password: '***' } })).status).toBe(403);
  expect((await send('POST', '/api/queues/backup/add', BEARER, { name: 'full', data: {}, options: {} })).status).toBe(403);
  expect((await backup.getJob('job-1'))?.data).toMatchObject({ password: 'hunter2' });
  expect(await backup.count()).toBe(1);
});

test('writable without the token is 401, not a write', async () => {
  const { send, backup } = await boardWithJob({ readOnly: false });
  for (const [method, path, body] of WRITES) expect((await send(method, path, {}, body)).status).toBe(401);
  expect(await backup.isPaused()).toBe(false);
});

test('writable: a session writes from the page of the board only', async () => {
  const { send, backup, url } = await boardWithJob({ readOnly: false });
  const opened = await send('GET', `/?token=${TOKEN}`, {});
  const cookie = opened.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const pause = async (headers: Record<string, string>) => (await send('PUT', '/api/queues/backup/pause', { cookie, ...headers })).status;
  expect(await pause({})).toBe(403);
  expect(await pause({ origin: 'https://evil.example' })).toBe(403);
  expect(await pause({ origin: 'null' })).toBe(403);
  expect(await pause({ 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await pause({ 'sec-fetch-site': 'same-site', origin: url })).toBe(403);
  expect(await backup.isPaused()).toBe(false);
  expect(await pause({ origin: url })).toBe(200);
  expect(await backup.isPaused()).toBe(true);
  expect((await send('PUT', '/api/queues/backup/resume', { cookie, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
});

test('a bearer from another site is refused all the same', async () => {
  const { send } = await boardWithJob({ readOnly: false });
  const response = await send('PUT', '/api/queues/backup/pause', { ...BEARER, origin: 'https://evil.example' });
  expect([response.status, await response.json()]).toEqual([403, { error: expect.objectContaining({ code: 'BOARD_CROSS_SITE' }) as object }]);
});
