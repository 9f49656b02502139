import { badGlobus } from './judge-globus.js';
import { badGridftp } from './judge-gridftp.js';
import { join } from 'node:path';
import type { Facts } from './facts.js';
import type { Settings, TopdirSettings } from './parse-settings.js';
import type { Finding } from './problems.js';
import { formatSize } from './units.js';

/** sun_path holds 108 bytes on Linux; the rest is for what a server may append. */
const MAX_SOCKET_PATH_BYTES = 100;
/** Isolated catalogue of 20,411 entries with 45-character paths, dar 2.7.8: 1,864,598 bytes, 91 each. */
const CATALOGUE_BYTES_PER_FILE = 100;

/** Rules across keys that need no more of the host than the size of the staging filesystem. */
export function judgeSettings(settings: Settings, facts: Facts): Finding[] {
  return [
    ...badRedis(settings),
    ...badPorts(settings),
    ...badSchedules(settings),
    ...badEncryption(settings),
    ...duplicateLts(settings),
    ...badRclone(settings),
    ...badGridftp(settings),
    ...badGlobus(settings),
    ...badCopies(settings),
    ...duplicateBasepaths(settings),
    ...badBudget(settings, facts),
  ];
}

/** Bytes of the staging budget; 0 for a share of a filesystem that was not, or could not be, looked at. */
export function budgetBytes({ site }: Settings, facts: Facts): number {
  const { budget, dir } = site.staging;
  if ('bytes' in budget) return budget.bytes;
  const filesystem = dir === null ? null : (facts.get(dir)?.filesystemBytes ?? null);
  return filesystem === null ? 0 : Math.floor(filesystem * budget.share);
}

function badRedis({ site: { redis, state } }: Settings): Finding[] {
  const findings: Finding[] = [];
  if (redis.url !== null && redis.urlFile !== null) {
    findings.push({ key: 'redis.urlFile', value: redis.urlFile, problem: 'is given beside redis.url', remedy: 'Keep one of them.' });
  }
  if (redis.passwordFile !== null && redis.url?.startsWith('redis') !== true) {
    findings.push({ key: 'redis.passwordFile', value: redis.passwordFile, problem: 'is given without a redis:// address in redis.url', remedy: 'Give redis.url without password, or put the whole URL into redis.urlFile.' });
  }
  const socket = join(state.dir, 'redis.sock');
  if (redis.url === null && redis.urlFile === null && Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
    findings.push({ key: 'state.dir', value: state.dir, problem: `makes the socket path ${Buffer.byteLength(socket)} bytes long`, remedy: `Choose a directory of at most ${MAX_SOCKET_PATH_BYTES - '/redis.sock'.length} bytes.` });
  }
  return findings;
}

function badPorts({ site: { http } }: Settings): Finding[] {
  if (http.producerPort === null || http.producerPort === 0 || http.producerPort !== http.workerPort) return [];
  return [{ key: 'http.workerPort', value: String(http.workerPort), problem: 'is the port of the producer too', remedy: 'Choose another one; 0 takes any free one.' }];
}

function badSchedules(settings: Settings): Finding[] {
  const sections = own(settings, ({ schedule }) => [schedule.events.scan, schedule.fullEvery, schedule.incrementalEvery, schedule.pastDue]);
  const single = settings.topdirs.flatMap(({ basepaths, schedule }, index) =>
    basepaths.map((basepath, at) => ({ prefix: `topdirs[${index}].basepaths[${at}].`, value: { schedule: { ...schedule, ...basepath.schedule } } })),
  );
  return [...sections, ...single].flatMap(({ prefix, value: { schedule } }) => {
    const { fullEvery, incrementalEvery, pastDue, events } = schedule;
    const longest = Math.min(fullEvery, incrementalEvery ?? fullEvery);
    const tell = (key: string, problem: string, remedy: string): Finding => ({ key: `${prefix}schedule.${key}`, value: null, problem, remedy });
    return [
      ...(events.scan.kind === 'every' && events.scan.ms > fullEvery ? [tell('events.scan', 'is longer than schedule.fullEvery, so that fulls come late', 'Scan at least as often as fulls are due.')] : []),
      ...(pastDue !== null && pastDue <= longest ? [tell('pastDue', 'is not longer than the time between two backups, so that basepaths would be past due all the time', 'Leave time for a backup that fails once: twice that time or more; or none.')] : []),
    ];
  });
}

function badEncryption(settings: Settings): Finding[] {
  return own(settings, (topdir) => [topdir.dar.encryption.keyFile, topdir.dar.encryption.keyId]).flatMap(({ prefix, value: { dar } }) =>
    dar.encryption.keyFile === null || dar.encryption.keyId !== null
      ? []
      : [{ key: `${prefix}dar.encryption.keyId`, value: null, problem: 'is missing beside keyFile', remedy: 'Name the key, such as site-2026: a restore years from now asks for it.' }],
  );
}

type Overridable = Pick<TopdirSettings, 'dar' | 'shards' | 'schedule'>;

/** The site's settings, and those of topdirs that differ in what `parts` picks: an inherited mistake is named once. */
function own(settings: Settings, parts: (value: Overridable) => readonly unknown[]): { prefix: string; value: Overridable }[] {
  const same = (a: Overridable, b: Overridable): boolean => JSON.stringify(parts(a)) === JSON.stringify(parts(b));
  const topdirs = settings.topdirs.map((value, index) => ({ prefix: `topdirs[${index}].`, value }));
  return [{ prefix: '', value: settings.site }, ...topdirs.filter(({ value }) => !same(value, settings.site))];
}

function duplicateLts({ lts }: Settings): Finding[] {
  return lts.flatMap((store, index) => {
    const first = lts.findIndex((other) => other.name === store.name);
    if (store.name === null || first === index) return [];
    return [{ key: `lts[${index}].name`, value: store.name, problem: `is the name of lts[${first}] too`, remedy: 'Give each LTS a name of its own.' }];
  });
}

function badRclone({ lts }: Settings): Finding[] {
  return lts.flatMap(({ backend, rclone }, index): Finding[] => {
    const key = `lts[${index}].rclone.remote`;
    if (backend === 'rclone' && rclone.remote === null) return [{ key, value: null, problem: 'is missing beside backend rclone', remedy: 'Name one of `rclone listremotes`: `rclone: {remote: offsite}`.' }];
    if (backend === 'rclone' || rclone.remote === null) return [];
    return [{ key, value: rclone.remote, problem: `is given, but the backend is ${backend}`, remedy: 'Write `backend: rclone`, or remove it.' }];
  });
}

/** Of each topdir: the LTS it names must be there, and as many as a seal needs. What the site says for all is judged where it counts. */
function badCopies({ site, topdirs, lts }: Settings): Finding[] {
  const all = lts.map(({ name }) => name);
  return topdirs.flatMap((topdir, index) => {
    const names = topdir.lts ?? all;
    const tell = (key: string, value: string, problem: string, remedy: string): Finding => ({ key, value, problem, remedy });
    const own = `topdirs[${index}].lts`;
    const unknown = names.filter((name) => !all.includes(name));
    const { toSeal } = topdir.copies;
    const key = toSeal === site.copies.toSeal ? 'copies.toSeal' : `topdirs[${index}].copies.toSeal`;
    return [
      ...unknown.map((name) => tell(own, String(name), 'is the name of no LTS', 'Name those of `lts:`, or leave it away to mean all.')),
      ...(topdir.lts !== null && new Set(names).size < names.length ? [tell(own, names.join(', '), 'names an LTS twice', 'Name each once: a second copy belongs elsewhere.')] : []),
      ...(names.length === 0 && all.length > 0 ? [tell(own, '', 'names no LTS', 'Name one at least, or leave it away to mean all.')] : []),
      ...(toSeal !== null && names.length > 0 && toSeal > names.length ? [tell(key, String(toSeal), `is more than the ${names.length} LTS that topdirs[${index}] goes to`, 'Lower it, or give it more LTS; none means all.')] : []),
    ];
  });
}

function duplicateBasepaths({ topdirs }: Settings): Finding[] {
  return topdirs.flatMap(({ basepaths }, index) =>
    basepaths.flatMap(({ path }, at) => {
      const first = basepaths.findIndex((other) => other.path === path);
      if (path === null || first === at) return [];
      return [{ key: `topdirs[${index}].basepaths[${at}].path`, value: path, problem: `is in basepaths[${first}] too`, remedy: 'Put all settings of a basepath into one entry.' }];
    }),
  );
}

/** Every slot needs room for the slice it writes and for its shard's catalogue, beside what is kept for restores, or it is never used. */
function badBudget(settings: Settings, facts: Facts): Finding[] {
  const { staging, worker } = settings.site;
  const filesystem = staging.dir === null ? null : (facts.get(staging.dir)?.filesystemBytes ?? null);
  const budget = 'bytes' in staging.budget ? staging.budget.bytes : filesystem === null ? null : budgetBytes(settings, facts);
  if (budget === null) return [];
  const slots = worker.slots * Math.max(...(settings.topdirs.length > 0 ? settings.topdirs : [settings.site]).map(slotBytes));
  if (staging.restoreShare === 1) return [{ key: 'staging.restoreShare', value: '100%', problem: 'leaves nothing to backups', remedy: 'Give a smaller share, such as 20%.' }];
  const need = Math.ceil(slots / (1 - staging.restoreShare));
  const say = (problem: string, remedy: string): Finding[] => [{ key: 'staging.budget', value: formatSize(budget), problem, remedy }];
  return [
    ...(budget >= need ? [] : say(`is too small: ${worker.slots} slots need ${formatSize(need)} (a slice and a catalogue each, and staging.restoreShare)`, 'Raise it, or lower dar.sliceSize, shards.maxFiles or worker.slots.')),
    ...(filesystem === null || budget <= filesystem ? [] : say(`is larger than its filesystem (${formatSize(filesystem)})`, 'Lower it, or give a share such as 80%.')),
  ];
}

function slotBytes({ dar, shards }: Overridable): number {
  return dar.sliceSize + shards.maxFiles * CATALOGUE_BYTES_PER_FILE;
}
