import { formats, type FormatName, type FormatValue } from './formats.js';

/** One key: what convict knows of it, and what people read about it. */
export interface Leaf {
  readonly doc: string;
  readonly format: FormatName;
  /** As an operator would write it; null = none (nullable) or to be given (required). */
  readonly default: string | number | boolean | readonly string[] | null;
  /** null in YAML, or the word `none`, means "not this". */
  readonly nullable?: true;
  /** Has no default: the file, environment or flags must give it. */
  readonly required?: true;
  /** Never shown as it is. */
  readonly sensitive?: true;
  readonly min?: number;
  readonly max?: number;
}

export interface Section {
  readonly [name: string]: Leaf | Section;
}

type LeafValue<L extends Leaf> = L extends { readonly nullable: true } | { readonly required: true }
  ? FormatValue<L['format']> | null
  : FormatValue<L['format']>;

/** The typed values of a section. */
export type Values<S extends Section> = {
  readonly [K in keyof S]: S[K] extends Leaf ? LeafValue<S[K]> : S[K] extends Section ? Values<S[K]> : never;
};

/** Settings a topdir may have of its own. */
export const overridableSections = {
  dar: {
    sliceSize: { doc: 'Size of a slice, the file that is transferred.', format: 'size', default: '32GiB', min: 4096 },
    compression: { doc: 'Compression by dar: none, or algorithm and level.', format: 'compression', default: 'none' },
    catalogueCompression: { doc: 'Compression of dar\'s own catalogues where compression is none: contents stay as they are, catalogues are read and written faster.', format: 'compression', default: 'zstd:1' },
    encryption: {
      keyFile: { doc: 'File with the passphrase, mode 0600; none = no encryption.', format: 'absolutePath', default: null, nullable: true },
      cipher: { doc: 'Cipher dar uses with the passphrase.', format: 'cipher', default: 'aes256' },
      keyId: { doc: 'Name of the key in manifests, so that a restore knows which passphrase it needs. Needed with keyFile.', format: 'name', default: null, nullable: true },
    },
    // Lustre's own book-keeping, as mpifileutils leaves it out too; lustre.lov stays, it restores a directory's default layout.
    excludeXattrs: { doc: 'Extended attributes not to save (dar -u masks).', format: 'textList', default: ['trusted.lov', 'trusted.lma', 'trusted.lmv', 'trusted.link', 'trusted.fid', 'trusted.som', 'trusted.hsm', 'trusted.version'] },
    storeOnly: { doc: 'File name masks not worth compressing (dar -Z).', format: 'textList', default: ['*.gz', '*.bz2', '*.xz', '*.zst', '*.zip', '*.jpg', '*.png', '*.mp4'] },
    retryOnChange: { doc: 'How often a file that changed while it was read is tried again.', format: 'count', default: 3, min: 0, max: 100 },
    inactivityTimeout: { doc: 'A dar or a scan that has neither read nor written anything for so long hangs: it is ended, and its host suspected. Longer than a recall from tape takes.', format: 'duration', default: '30m' },
  },
  scan: {
    concurrency: { doc: 'Most find processes at a time on the source\'s filesystem, from one host, all scans together: its metadata server is everybody\'s.', format: 'count', default: 4, min: 1, max: 64 },
  },
  shards: {
    maxFiles: { doc: 'Most files in one shard, however much memory there is: dar closes an archive of 300,000 in half a second when it must make room.', format: 'count', default: 300_000, min: 1 },
    maxSize: { doc: 'Most bytes in one shard. Where slices are small it is less: 32 of them, but not below 16 GiB.', format: 'size', default: '1TiB', min: 1 },
  },
  limits: {
    maxExceptions: { doc: 'Paths of one basepath that may fail to be saved before the whole backup fails.', format: 'count', default: 1000, min: 0 },
    allowEmpty: { doc: 'Whether an empty basepath that was never more is saved as that (a new home); else it is an error.', format: 'boolean', default: false },
    maxShrink: { doc: 'A backup of fewer than this share of the paths of the one before seals flagged, and its old chain is kept until accepted; 0% = never.', format: 'share', default: '50%' },
  },
  index: {
    racyWindow: { doc: 'A file changed less than this before a backup looked at it counts as changed the next time too: timestamps come late.', format: 'duration', default: '60s' },
  },
  schedule: {
    fullEvery: { doc: 'No full gets older than this: fulls are spread over this time, so that each day has its share of bytes and of basepaths.', format: 'duration', default: '30d' },
    incrementalEvery: { doc: 'Time between two backups of a basepath beside its fulls; none = fulls only.', format: 'duration', default: '1d', nullable: true },
    level: { doc: 'What these are: incremental (compared with the last backup) or differential (with the last full).', format: 'level', default: 'incremental' },
    maxDifferentialShare: { doc: 'When what was saved since the last full exceeds this share of that full, a new full is made.', format: 'share', default: '50%' },
    maxChain: { doc: 'Most backups a restore replays on top of a full; then a new full is made.', format: 'count', default: 60, min: 1, max: 1000 },
    pastDue: { doc: 'A basepath whose last sealed backup is older counts as broken (status, metrics, log); none = never.', format: 'duration', default: '3d', nullable: true },
    timezone: { doc: 'Time zone of startOfDay, startOfHour and cron patterns.', format: 'timezone', default: 'UTC' },
    startOfDay: { doc: 'When the day of backups begins: its share of fulls is enqueued from then on.', format: 'clock', default: '00:00' },
    startOfHour: { doc: 'Minute at which the hour begins.', format: 'count', default: 0, min: 0, max: 59 },
    events: {
      scan: { doc: 'When new and deleted directories are looked for.', format: 'moment', default: '1h' },
      fulls: { doc: 'When fulls that are due are enqueued.', format: 'moment', default: 'startOfHour' },
      incrementals: { doc: 'When incrementals (or differentials) that are due are enqueued.', format: 'moment', default: 'startOfHour' },
      failed: { doc: 'When basepaths whose last backup failed for good are tried again.', format: 'moment', default: '1h' },
      pastDue: { doc: 'When basepaths are looked at for being past due, and named in the log.', format: 'moment', default: '15m' },
    },
    incrementalGate: { doc: 'Incrementals of a topdir that are not overdue wait until its fulls of the day have started (fulls-started) or ended (fulls-done); none = they do not wait.', format: 'gate', default: 'fulls-started' },
    maxNewFulls: {
      count: { doc: 'Most first fulls a day and topdir, so that many new directories do not come all at once; none = no limit.', format: 'count', default: null, nullable: true, min: 1 },
      size: { doc: 'No more first fulls are enqueued on a day when those of it have reached this many bytes; none = no limit.', format: 'size', default: null, nullable: true, min: 1 },
    },
  },
  politeness: {
    concurrency: { doc: 'Most dars that read this topdir at a time, over all hosts; none = as many as there are slots.', format: 'count', default: null, nullable: true, min: 1 },
    windows: {
      fulls: { doc: 'Times of day, by schedule.timezone, when fulls and their shards may begin; running ones end. Fulls an operator asked for always may. none = always.', format: 'windows', default: null, nullable: true },
    },
    statLatency: { doc: 'When a stat of the source takes longer than this, dars and scans that read it from this host are stopped, and let go on a tenth of the time, until it is better; none = never.', format: 'duration', default: null, nullable: true },
    statFactor: { doc: 'The same when it takes so many times what it usually does; none = never.', format: 'count', default: null, nullable: true, min: 2 },
  },
  copies: {
    toSeal: { doc: 'How many long-term storages must hold a backup for it to seal; what is missing then is made up later. none = all it goes to.', format: 'count', default: null, nullable: true, min: 1 },
    missingFor: { doc: 'A copy that has been missing for longer than this counts as broken (status --check, metrics).', format: 'duration', default: '3d' },
  },
  retention: {
    keepLast: { doc: 'The newest so many backups of a basepath are kept. Without any keep rule nothing is ever removed.', format: 'count', default: null, nullable: true, min: 1 },
    keepWithin: { doc: 'Backups captured within this time are kept.', format: 'duration', default: null, nullable: true },
    keepDaily: { doc: 'The newest backup of each of the last so many days that have one is kept.', format: 'count', default: null, nullable: true, min: 1 },
    keepWeekly: { doc: 'The same for weeks (ISO 8601, from Monday).', format: 'count', default: null, nullable: true, min: 1 },
    keepMonthly: { doc: 'The same for months.', format: 'count', default: null, nullable: true, min: 1 },
    keepYearly: { doc: 'The same for years.', format: 'count', default: null, nullable: true, min: 1 },
    timezone: { doc: 'Time zone in which days, weeks, months and years begin.', format: 'timezone', default: 'UTC' },
    deletedBasepaths: { doc: 'All backups of a basepath that is gone are kept this long, then removed; none = for ever.', format: 'duration', default: null, nullable: true },
    gracePeriod: { doc: 'A removed backup can be undeleted this long before it is erased.', format: 'duration', default: '7d' },
    maxRemoveShare: { doc: 'A change of retention that would remove more than this share of a topdir\'s backups waits for `bw-bkup prune --accept`.', format: 'share', default: '20%' },
  },
} as const satisfies Section;

/** Settings that belong to a host, not to the site's policy: `hosts.NAME` may hold them. */
export const hostSections = {
  staging: {
    dir: { doc: 'Where dar writes slices until they are safely in LTS; best a local disk.', format: 'absolutePath', default: null, required: true },
    budget: { doc: 'Bytes all slices of this host may take there, or a share of the filesystem.', format: 'budget', default: '80%' },
    restoreShare: { doc: 'Share of the budget that backups leave to restores and verifications.', format: 'share', default: '20%' },
    maxPause: { doc: 'A dar that has been stopped this long because staging is used up ends its archive and gives its slot to others.', format: 'duration', default: '1h' },
    group: { doc: 'Number of the group (`getent group NAME`) of the user that a transfer service maps us to, such as a Globus collection: it may read slices, and put fetched ones where a restore waits for them. none = nobody but us.', format: 'count', default: null, nullable: true, min: 1 },
  },
  state: {
    dir: { doc: 'Host-local state: the embedded Redis, sockets, the HTTP token.', format: 'absolutePath', default: '/var/lib/bw-bkup' },
  },
  redis: {
    url: { doc: 'Redis server; none = an embedded private one. May hold a password: then better urlFile or passwordFile.', format: 'redisUrl', default: null, nullable: true, sensitive: true },
    urlFile: { doc: 'File (mode 0600) that holds the URL.', format: 'absolutePath', default: null, nullable: true },
    passwordFile: { doc: 'File (mode 0600) that holds the password for url.', format: 'absolutePath', default: null, nullable: true },
  },
  worker: {
    slots: { doc: 'Shards (dar processes) this host works on at a time.', format: 'count', default: 2, min: 1, max: 256 },
    incrementalSlots: { doc: 'Share of the slots (rounded down) that fulls never take: they are for incrementals and differentials.', format: 'share', default: '25%' },
    memoryBudget: { doc: 'Memory all dar processes of this host may take together; with slots it bounds the files of a shard (0.85 kB each). Shards run anywhere, so that the least of all hosts counts.', format: 'size', default: '4GiB', min: 64 * 1024 ** 2 },
    transferSlots: { doc: 'Transfers this host runs at a time.', format: 'count', default: 2, min: 1, max: 256 },
    bandwidth: { doc: 'Most bytes per second from this host to all long-term storage together, and as many back; none = unlimited.', format: 'rate', default: null, nullable: true },
    nice: { doc: 'Nice value of dar and find where they read what is backed up; none = as the worker.', format: 'count', default: null, nullable: true, min: 0, max: 19 },
    ioClass: { doc: 'Their I/O class (ionice), where the system has it: idle, or best-effort:0 (first) to best-effort:7; none = as the worker.', format: 'ioClass', default: null, nullable: true },
    stopGrace: { doc: 'How long a shard that is asked to stop may take to close, test and keep what it saved; then that is lost, and it is killed.', format: 'duration', default: '20m' },
  },
  http: {
    bind: { doc: 'Address the status, metrics and board servers listen on.', format: 'address', default: '127.0.0.1' },
    producerPort: { doc: 'Port of the producer; 0 = any free one, none = no HTTP.', format: 'port', default: 8610, nullable: true },
    workerPort: { doc: 'Port of the worker; 0 = any free one, none = no HTTP.', format: 'port', default: 8611, nullable: true },
    tokenFile: { doc: 'File (mode 0600) with the board token; none = one is made at start in STATE/http.token.', format: 'absolutePath', default: null, nullable: true },
    boardReadOnly: { doc: 'Whether the queue board only shows, without buttons that change jobs.', format: 'boolean', default: true },
  },
  logging: {
    level: { doc: 'Least severe level that is logged.', format: 'logLevel', default: 'info' },
    format: { doc: 'json, pretty, or auto: pretty on a terminal, else json.', format: 'logFormat', default: 'auto' },
  },
} as const satisfies Section;

/** Everything but the lists `topdirs`, `lts` and `hosts`. */
export const siteSchema = {
  host: { doc: 'Name of this host in queues, logs and hosts:; none = the name of the machine.', format: 'name', default: null, nullable: true },
  ...hostSections,
  preemption: {
    enabled: { doc: 'Whether incrementals and differentials that run give their slot to fulls and restores that wait for one, and fulls theirs to restores.', format: 'boolean', default: true },
    maxPerBackup: { doc: 'A backup that had to give way so often is left alone, but for restores.', format: 'count', default: 3, min: 1 },
  },
  deadLetters: {
    keepStaging: { doc: 'How long staging and work of a backup that failed for good are kept for whoever looks into it; less where staging is needed.', format: 'duration', default: '1d' },
  },
  catalog: {
    dir: { doc: 'Directory of sealed backups and the journal, on a filesystem every host sees.', format: 'absolutePath', default: null, required: true },
  },
  ...overridableSections,
  removal: {
    every: { doc: 'Time between two prunes by the producer.', format: 'duration', default: '1d' },
    eraser: { doc: 'The one host whose worker deletes in LTS; none = any worker.', format: 'name', default: null, nullable: true },
  },
  reconcile: {
    every: { doc: 'Time between two rounds of the producer that compare jobs, staging, catalog and long-term storage, and repair what is safe.', format: 'duration', default: '1h' },
  },
  verify: {
    every: { doc: 'A basepath whose newest backup chain was not verified for this long is verified; none = only when asked for.', format: 'duration', default: '30d', nullable: true },
    level: { doc: 'How: manifest (all is there), hash (slices read), dar (archives tested), restore (restored into scratch, compared).', format: 'verifyLevel', default: 'restore' },
    sample: { doc: 'Share of slices, archives or files that is looked into; at least one.', format: 'share', default: '1%' },
    recallBytesPerDay: { doc: 'Most bytes a day read for it from an LTS on tape; none = nothing is.', format: 'size', default: null, nullable: true },
    recallObjectsPerDay: { doc: 'Most objects a day read for it from an LTS on tape; none = nothing is.', format: 'count', default: null, nullable: true, min: 1 },
  },
  restore: {
    allowedTargets: { doc: 'Directories below which a restore may write.', format: 'pathList', default: ['/restore'] },
  },
} as const satisfies Section;

/** One entry of `topdirs`, without the overridable sections it may hold too. */
export const topdirSchema = {
  path: { doc: 'Directory whose sub-directories are the basepaths.', format: 'absolutePath', default: null, required: true },
  readFrom: { doc: 'Where to read instead, such as a snapshot; none = path itself.', format: 'absolutePath', default: null, nullable: true },
  lts: { doc: 'Names of the long-term storages its backups go to, the first one first; none = all.', format: 'textList', default: null, nullable: true },
  depth: { doc: 'Basepaths are this many levels below.', format: 'count', default: 1, min: 1, max: 10 },
  exclude: { doc: 'Glob patterns of what is not saved.', format: 'patternList', default: [] },
  sentinel: { doc: 'File below the topdir whose absence means "not mounted"; none = not checked.', format: 'relativePath', default: null, nullable: true },
  hooks: {
    before: { doc: 'Program run before the scan, such as one that makes a snapshot.', format: 'command', default: null, nullable: true },
    after: { doc: 'Program run after the last backup that read from it, and after a before hook that was cut off, when there may be nothing to remove.', format: 'command', default: null, nullable: true },
  },
} as const satisfies Section;

/** One entry of `topdirs[].basepaths`: settings of single basepaths. What it does not set is as its topdir has it. */
export const basepathSchema = {
  path: { doc: 'The basepath, relative to the topdir.', format: 'relativePath', default: null, required: true },
  schedule: pick(overridableSections.schedule, ['fullEvery', 'incrementalEvery', 'level', 'maxDifferentialShare', 'maxChain', 'pastDue']),
  retention: pick(overridableSections.retention, ['keepLast', 'keepWithin', 'keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly', 'timezone', 'deletedBasepaths', 'gracePeriod']),
} as const satisfies Section;

/** One entry of `lts`. */
export const ltsSchema = {
  name: { doc: 'Name of this long-term storage in manifests; never reuse one for another place.', format: 'name', default: null, required: true },
  backend: { doc: 'How it is reached.', format: 'backend', default: 'posix' },
  dir: { doc: 'Its directory: of this host (posix), else of the far end.', format: 'absolutePath', default: null, required: true },
  bandwidth: { doc: 'Most bytes per second from one host; none = unlimited.', format: 'rate', default: null, nullable: true },
  minObject: { doc: 'Smaller slices and what describes backups go into tar objects of at least this size; none = each is an object of its own.', format: 'size', default: null, nullable: true, min: 1 },
  maxWait: { doc: 'A bundle that is smaller is closed when its oldest part has waited so long: seals of small backups wait for it. Only with minObject.', format: 'duration', default: '1h' },
  tape: { doc: 'Whether reading it may recall from tape: scheduled verification then needs a recall budget.', format: 'boolean', default: false },
  rclone: {
    remote: { doc: 'Name of the remote in rclone\'s configuration, without colon; `dir` is the path in it (bucket and prefix). For backend rclone only.', format: 'name', default: null, nullable: true },
    configFile: { doc: 'rclone\'s configuration, mode 0600; none = the remote comes from the environment (RCLONE_CONFIG_NAME_TYPE and so on).', format: 'absolutePath', default: null, nullable: true },
  },
  gridftp: {
    url: { doc: 'The GridFTP server; `dir` is the path there. For backend gridftp only.', format: 'gridftpUrl', default: null, nullable: true },
    certFile: { doc: 'Our certificate (gsiftp), PEM.', format: 'absolutePath', default: null, nullable: true },
    keyFile: { doc: 'Its key without passphrase, mode 0600.', format: 'absolutePath', default: null, nullable: true },
    proxyFile: { doc: 'A proxy certificate with its key, mode 0600, instead of certFile and keyFile. It is read anew each time, so it may be renewed.', format: 'absolutePath', default: null, nullable: true },
    caDir: { doc: 'CAs we trust, as Globus has them: HASH.0 and HASH.signing_policy.', format: 'absolutePath', default: '/etc/grid-security/certificates' },
    subject: { doc: 'Subject of the server\'s certificate, such as /O=Grid/CN=host; none = it must have the host of the url.', format: 'line', default: null, nullable: true },
    user: { doc: 'Who to log in as (ftp: in clear text); none = anonymous.', format: 'name', default: null, nullable: true },
    passwordFile: { doc: 'The password in its first line, mode 0600.', format: 'absolutePath', default: null, nullable: true },
    streams: { doc: 'TCP streams of one big object.', format: 'count', default: 4, min: 1, max: 64 },
    concurrent: { doc: 'Processes of globus-url-copy of one batch; each has its own session at the server.', format: 'count', default: 2, min: 1, max: 16 },
  },
  globus: {
    collection: { doc: 'Id of the collection with `dir`: a guest collection on which the client identity may read and write. For backend globus only.', format: 'uuid', default: null, nullable: true },
    sources: { doc: 'Which collections show the staging directory of hosts, and under which path. The longest dir counts, then an entry of the host itself.', format: 'globusSources', default: [] },
    clientId: { doc: 'Client id of the service account (developers.globus.org); its identity is CLIENT_ID@clients.auth.globus.org.', format: 'uuid', default: null, nullable: true },
    secretFile: { doc: 'File (mode 0600) with the client secret in its first line.', format: 'absolutePath', default: null, nullable: true },
    maxTasks: { doc: 'Transfers of this client that are live at a time, of all hosts. Globus works on three of an identity; more only wait there.', format: 'count', default: 3, min: 1, max: 100 },
    transferUrl: { doc: 'Address of the Transfer API.', format: 'serviceUrl', default: 'https://transfer.api.globus.org' },
    authUrl: { doc: 'Address of Globus Auth.', format: 'serviceUrl', default: 'https://auth.globus.org' },
  },
} as const satisfies Section;

/** The list below each topdir. */
export const BASEPATHS_KEY = 'basepaths';

/** The keys whose values are lists of sections or, for hosts, a map of them. */
export const collections = {
  topdirs: { doc: 'What is backed up.', item: { ...topdirSchema, ...overridableSections } },
  lts: { doc: 'Where backups go: to each, unless a topdir names some of them.', item: ltsSchema },
  hosts: { doc: 'Settings of single hosts, by host name.', item: hostSections },
} as const satisfies Record<string, { readonly doc: string; readonly item: Section }>;

function pick<S extends Section, K extends keyof S>(section: S, keys: readonly K[]): Pick<S, K> {
  return Object.fromEntries(keys.map((key) => [key, section[key]])) as Pick<S, K>;
}

export function isLeaf(node: Leaf | Section): node is Leaf {
  return typeof node['doc'] === 'string';
}

/** All leaves of a section as [dotted key, leaf], in the order of the schema. */
export function leavesOf(section: Section, prefix = ''): [string, Leaf][] {
  return Object.entries(section).flatMap(([name, node]) => {
    const key = `${prefix}${name}`;
    return isLeaf(node) ? [[key, node] satisfies [string, Leaf]] : leavesOf(node, `${key}.`);
  });
}

/** `dar.sliceSize` -> `BW_DAR_SLICE_SIZE`. */
export function envName(key: string): string {
  return `BW_${key.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('.', '_').toUpperCase()}`;
}

/** A raw value as its leaf types it; null where none is meant. Throws FormatError. */
export function readLeaf(leaf: Leaf, raw: unknown): unknown {
  if (leaf.nullable === true && (raw === null || raw === 'none')) return null;
  if (leaf.required === true && raw === null) return null;
  return formats[leaf.format].parse(raw, leaf);
}
