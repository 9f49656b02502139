import { describe, expect, it } from 'vitest';
import { parse, SITE, told } from './site-yaml.js';

describe('strength', () => {
  const text = `${SITE}dar: {sliceSize: 1GiB}\nhosts: {ie02: {worker: {slots: 7}, logging: {level: warn}}}\nworker: {slots: 3}\n`;

  it('takes the default where nothing is said', () => {
    const { settings, sources, problems } = parse(SITE);
    expect(problems).toEqual([]);
    expect(settings.site.dar.sliceSize).toBe(32 * 2 ** 30);
    expect(sources['dar.sliceSize']).toEqual({ kind: 'default', where: 'default', value: '32GiB' });
  });

  it.each([
    ['file', {}, {}, 2 ** 30, 'site.yaml:8'],
    ['env', { BW_DAR_SLICE_SIZE: '2GiB' }, {}, 2 * 2 ** 30, 'environment BW_DAR_SLICE_SIZE'],
    ['flag', { BW_DAR_SLICE_SIZE: '2GiB' }, { 'dar.sliceSize': '3GiB' }, 3 * 2 ** 30, '--set dar.sliceSize'],
  ])('%s beats what is weaker', (kind, env, flags, bytes, where) => {
    const { settings, sources } = parse(text, { env, flags });
    expect(settings.site.dar.sliceSize).toBe(bytes);
    expect(sources['dar.sliceSize']).toMatchObject({ kind, where });
    expect(settings.topdirs[0]?.dar.sliceSize).toBe(bytes);
  });

  it('takes a host\'s own settings on that host only, by full name or first label', () => {
    const slots = (hostname: string): number => parse(text, { hostname }).settings.site.worker.slots;
    expect([slots('ie01'), slots('ie02'), slots('ie02.example.org')]).toEqual([3, 7, 7]);
    expect(parse(text, { hostname: 'ie02' }).sources['worker.slots']).toMatchObject({ kind: 'host', where: 'site.yaml:9' });
  });

  it('finds the host by variable or flag too, and lets the environment beat its settings', () => {
    expect(parse(text, { env: { BW_HOST: 'ie02' } }).settings.site.worker.slots).toBe(7);
    expect(parse(text, { env: { BW_HOST: 'ie01' }, flags: { host: 'ie02' } }).settings.host).toBe('ie02');
    expect(parse(text, { hostname: 'ie02', env: { BW_WORKER_SLOTS: '9' } }).settings.site.worker.slots).toBe(9);
  });

  it('bounds shards by the host that has least memory for one dar, whichever plans', () => {
    const memory = (more: string, env: NodeJS.ProcessEnv = {}): number => parse(`${text}${more}`, { env }).settings.shardMemory;
    expect(memory('')).toBe(Math.floor((4 * 2 ** 30) / 7)); // ie02
    expect(parse(SITE).settings.shardMemory).toBe(2 * 2 ** 30);
    expect(memory('', { BW_WORKER_MEMORY_BUDGET: '1GiB' })).toBe(Math.floor(2 ** 30 / 3));
    const others = 'hosts: {ie02: {worker: {slots: 8, memoryBudget: 16GiB}}, ie03: {worker: {memoryBudget: 3GiB}}}\nworker: {slots: 3, memoryBudget: 6GiB}\n';
    expect([undefined, 'ie02', 'ie03'].map((hostname) => parse(`${SITE}${others}`, hostname === undefined ? {} : { hostname }).settings.shardMemory)).toEqual([2 ** 30, 2 ** 30, 2 ** 30]);
  });

  it('counts an empty variable as not set', () => {
    const { settings, problems } = parse(text, { env: { BW_DAR_SLICE_SIZE: '' } });
    expect([problems, settings.site.dar.sliceSize]).toEqual([[], 2 ** 30]);
  });

  it('reads lists, switches and "none" from text', () => {
    const { settings, problems } = parse(SITE, {
      env: { BW_RESTORE_ALLOWED_TARGETS: '/restore,/u', BW_HTTP_BOARD_READ_ONLY: 'false', BW_HTTP_WORKER_PORT: 'none' },
      flags: { 'dar.storeOnly': '["*.a,b","*.c"]', 'http.producerPort': '0' },
    });
    expect(problems).toEqual([]);
    expect(settings.site.restore.allowedTargets).toEqual(['/restore', '/u']);
    expect(settings.site.http).toMatchObject({ boardReadOnly: false, workerPort: null, producerPort: 0 });
    expect(settings.site.dar.storeOnly).toEqual(['*.a,b', '*.c']);
  });
});

describe('topdirs', () => {
  const text = SITE.replace('  - path: /u/staff\n', '  - {path: /u/staff/, dar: {sliceSize: 64GiB, encryption: {keyFile: none}}}\n  - {path: /u/projects, shards: {maxFiles: 5}}\n') + 'dar: {compression: zstd:1, encryption: {keyFile: /k, keyId: k1}}\n';

  it('inherit key by key what they do not set', () => {
    const [staff, projects] = parse(text).settings.topdirs;
    expect(staff).toMatchObject({ path: '/u/staff', dar: { sliceSize: 64 * 2 ** 30, compression: 'zstd:1', encryption: { keyFile: null, keyId: 'k1' } }, shards: { maxFiles: 300_000 } });
    expect(projects).toMatchObject({ dar: { sliceSize: 32 * 2 ** 30, encryption: { keyFile: '/k' } }, shards: { maxFiles: 5 } });
  });

  it('keep their own setting against a stronger origin of the site\'s', () => {
    const [staff, projects] = parse(text, { env: { BW_DAR_SLICE_SIZE: '1GiB' }, flags: { 'dar.compression': 'none' } }).settings.topdirs;
    expect(staff?.dar).toMatchObject({ sliceSize: 64 * 2 ** 30, compression: 'none' });
    expect(projects?.dar).toMatchObject({ sliceSize: 2 ** 30, compression: 'none' });
  });

  it('name as sources only what they set themselves', () => {
    const keys = Object.keys(parse(text).sources).filter((key) => key.startsWith('topdirs[1].'));
    expect(keys).toContain('topdirs[1].readFrom');
    expect(keys.filter((key) => /\.(dar|shards|limits|schedule)\./.test(key))).toEqual(['topdirs[1].shards.maxFiles']);
  });
});

describe('problems', () => {
  it('come all at once, each with its place', () => {
    const text = `topdirs:
  - path: u/staff
    dar:
      sliceSize: 64G
  - dept: 2
staging: {dir: 7}
catalog:
lts:
  - {name: tape/1, dir: /nearline, bandwidth: 5}
dar: {slice: 1GiB, compression: zstd:99}
stateDir: /var/lib
hosts:
  ie07: {worker: {slots: 0}, dar: {sliceSize: 1GiB}}
`;
    const parsed = parse(text, { env: { BW_LOGGING_LEVEL: 'loud', BW_STAGNG_DIR: '/x', BW_SOMETHING_ELSE: '1' }, flags: { 'http.bind': '1.2.3', 'dar.slicesize': '1', 'lts[0].dir': '/x' } });
    expect(told(parsed).sort()).toEqual([
      '--set dar.slicesize dar.slicesize is not a known key',
      '--set http.bind http.bind is not an address',
      '--set lts[0].dir lts[0].dir cannot be set by a flag',
      'environment BW_LOGGING_LEVEL logging.level is not known',
      'environment BW_STAGNG_DIR  is not a known variable',
      'site.yaml:10 dar.compression has a level dar refuses',
      'site.yaml:10 dar.slice is not a known key',
      'site.yaml:11 stateDir is not a known key',
      'site.yaml:13 hosts.ie07.dar is not a known key',
      'site.yaml:13 hosts.ie07.worker.slots is too small',
      'site.yaml:2 topdirs[0].path is not an absolute path',
      'site.yaml:4 topdirs[0].dar.sliceSize is not a size',
      'site.yaml:5 topdirs[1].dept is not a known key',
      'site.yaml:5 topdirs[1].path is missing',
      'site.yaml:6 staging.dir is not text (quote it)',
      'site.yaml:7 catalog.dir is missing',
      'site.yaml:9 lts[0].bandwidth is not a rate',
      'site.yaml:9 lts[0].name is not a safe name',
    ]);
  });

  it.each([
    ['stagging: {}\n', 'Did you mean staging?'],
    ['topdir: []\n', 'Did you mean topdirs?'],
    ['dar: {sliceSise: 1GiB}\n', 'Did you mean sliceSize?'],
    ['sliceSize: 1GiB\n', 'Did you mean dar.sliceSize?'],
    ['zzz: 1\n', 'Known here: host, staging, state, redis, worker, http, logging, preemption, deadLetters, catalog, dar, scan, shards, limits, index, schedule, politeness, copies, retention, removal, reconcile, verify, restore, topdirs, lts, hosts.'],
  ])('%j is answered %j', (line, remedy) => {
    expect(parse(SITE + line).problems.map((problem) => problem.remedy)).toEqual([remedy]);
  });

  it('name the line of a syntax error, once, without quoting it', () => {
    const { problems } = parse('topdirs: []\nredis: {url: "redis://:hunter2@host" ] }\nstaging: {dir: /x}\n');
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.every((problem) => /^site\.yaml:\d$/.test(problem.file) && problem.problem.startsWith('is not valid YAML'))).toBe(true);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it.each(['http://u:hunter2@h', 'redis:/u:hunter2@h', 'redis://:hunter2', 'hunter2', 'redis://u:hunter2@ h:x/'])('never show the password of a bad URL: %s', (url) => {
    for (const parsed of [parse(`${SITE}redis: {url: ${JSON.stringify(url)}}\n`), parse(SITE, { env: { BW_REDIS_URL: url } }), parse(SITE, { flags: { 'redis.url': url } })]) {
      expect(told(parsed).join()).toMatch(/redis\.url is not a Redis URL/);
      expect(JSON.stringify(parsed.problems)).not.toContain('hunter2');
    }
  });

  it('are found even where a stronger origin replaces the value', () => {
    expect(told(parse(`${SITE}dar: {sliceSize: 1G}\n`, { flags: { 'dar.sliceSize': '1GiB' } }))).toEqual(['site.yaml:8 dar.sliceSize is not a size']);
  });

  it('leave nothing behind in prototypes', () => {
    const { problems } = parse(`${SITE}__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}\n`, { flags: { '__proto__.polluted': '1' } });
    expect(problems).toHaveLength(3);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each(['', '# only a comment\n'])('say what an empty file lacks: %j', (text) => {
    expect(told(parse(text))).toEqual(['topdirs', 'lts', 'staging.dir', 'catalog.dir'].map((key) => `site.yaml ${key} is missing`));
  });
});

it('keeps secrets out of the sources', () => {
  const { sources, settings } = parse(`${SITE}redis: {url: "redis://bw:hunter2@redis/0?password=hunter2"}\n`);
  expect(settings.site.redis.url).toContain('hunter2');
  expect(sources['redis.url']?.value).toBe('redis://bw:***@redis/0?password=***');
  expect(JSON.stringify(sources)).not.toContain('hunter2');
});
