import type { Window } from '../limits/windows.js';
import type { Moment } from './formats.js';

/** The typed, validated configuration. Sizes in bytes, times in milliseconds, paths absolute. */
export interface Config {
  /** Name of this host in queue names, logs and `hosts:` overrides; letters, digits, `.`, `_`, `-`. */
  readonly host: string;
  readonly topdirs: readonly TopdirConfig[];
  /** restoreShare: 0 to 1, what backups leave to restores. group: gid that may read slices and put fetched ones; null = nobody. */
  readonly staging: { readonly dir: string; readonly budgetBytes: number; readonly restoreShare: number; readonly maxPauseMs: number; readonly group: number | null };
  readonly catalog: { readonly dir: string };
  /** Host-local state: embedded Redis, sockets. */
  readonly state: { readonly dir: string };
  readonly lts: readonly LtsConfig[];
  /** `url` null: embedded private redis-server on a unix socket below `state.dir`. */
  readonly redis: { readonly url: string | null };
  readonly dar: DarConfig;
  readonly shards: ShardLimits;
  readonly worker: WorkerConfig;
  /** Bytes of memory one dar may take on whatever host it runs: the least of all hosts of the site. */
  readonly shardMemoryBytes: number;
  readonly preemption: { readonly enabled: boolean; readonly maxPerBackup: number };
  readonly deadLetters: { readonly keepStagingMs: number };
  readonly limits: LimitsConfig;
  readonly index: IndexConfig;
  readonly restore: { readonly allowedTargets: readonly string[] };
  readonly schedule: ScheduleConfig;
  readonly retention: RetentionConfig;
  readonly removal: RemovalConfig;
  readonly reconcile: { readonly everyMs: number };
  readonly verify: VerifyConfig;
  readonly http: HttpConfig;
  readonly logging: { readonly level: LogLevel; readonly format: 'auto' | 'json' | 'pretty' };
  /** SHA-256 of the site policy (everything but host settings), in jobs and manifests. */
  readonly policyHash: string;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface TopdirConfig {
  readonly path: string;
  /** Names of the LTS its backups go to, in the order they are sent there. */
  readonly lts: readonly string[];
  readonly copies: CopiesConfig;
  /** Where to read from instead of `path`, such as a snapshot's root; null = `path`. */
  readonly readFrom: string | null;
  /** Basepaths are the directories this many levels below (1 = direct sub-directories). */
  readonly depth: number;
  /** Glob patterns: without `/` against any name, with `/` against the path below the basepath. */
  readonly exclude: readonly string[];
  /** File (relative to the topdir) whose absence means "not mounted"; null = not checked. */
  readonly sentinel: string | null;
  /** Programs with arguments run before the scan and after the last backup that read from it. */
  readonly hooks: { readonly before: readonly string[] | null; readonly after: readonly string[] | null };
  /** Settings that differ for this topdir, already merged over the site's. */
  readonly dar: DarConfig;
  readonly scan: ScanConfig;
  readonly shards: ShardLimits;
  readonly limits: LimitsConfig;
  readonly index: IndexConfig;
  readonly schedule: ScheduleConfig;
  readonly retention: RetentionConfig;
  readonly politeness: PolitenessConfig;
  /** Those of single basepaths. */
  readonly basepaths: readonly BasepathOverride[];
}

/** toSeal: how many of its LTS must hold a backup for it to seal, from 1 to all. */
export interface CopiesConfig {
  readonly toSeal: number;
  readonly missingForMs: number;
}

/** What is kept; a rule that is null keeps nothing. Without any rule nothing is removed. */
export interface RetentionConfig {
  readonly keepLast: number | null;
  readonly keepWithinMs: number | null;
  readonly keepDaily: number | null;
  readonly keepWeekly: number | null;
  readonly keepMonthly: number | null;
  readonly keepYearly: number | null;
  /** IANA name. */
  readonly timezone: string;
  /** Backups of a basepath that is gone are kept this long; null = for ever. */
  readonly deletedBasepathsMs: number | null;
  /** Between the tombstone and the erasure. */
  readonly gracePeriodMs: number;
  /** 0 to 1. */
  readonly maxRemoveShare: number;
}

export interface RemovalConfig {
  readonly everyMs: number;
  /** Host whose worker deletes in LTS; null = any. */
  readonly eraser: string | null;
}

/** What single basepaths may have of their own. */
export interface BasepathSchedule {
  /** No full gets older than this. */
  readonly fullEveryMs: number;
  /** Time between two backups beside the fulls; null = fulls only. */
  readonly incrementalEveryMs: number | null;
  readonly level: 'incremental' | 'differential';
  /** 0 to 1: more saved since the last full than this share of it, and a new full is made. */
  readonly maxDifferentialShare: number;
  /** Most backups on top of a full. */
  readonly maxChain: number;
  /** Since the last sealed backup; null = never past due. */
  readonly pastDueMs: number | null;
}

export interface ScheduleConfig extends BasepathSchedule {
  readonly timezone: string;
  /** Minutes after midnight, by the clocks of the time zone. */
  readonly startOfDay: number;
  /** Minute of the hour. */
  readonly startOfHour: number;
  readonly events: Readonly<Record<EventKind, Moment>>;
  readonly incrementalGate: 'none' | 'fulls-started' | 'fulls-done';
  /** A day and topdir; null = no limit. */
  readonly maxNewFulls: { readonly count: number | null; readonly bytes: number | null };
}

/** What the producer does at moments of its own. */
export type EventKind = 'scan' | 'fulls' | 'incrementals' | 'failed' | 'pastDue';

/** Settings of one basepath, already merged over its topdir's. */
export interface BasepathOverride {
  /** Below the topdir. */
  readonly path: string;
  readonly schedule: BasepathSchedule;
  /** maxRemoveShare is the topdir's. */
  readonly retention: RetentionConfig;
}

export interface DarConfig {
  readonly sliceBytes: number;
  /** `none`, or dar's algorithm with optional level: `zstd:1`, `gzip`, `lz4:3`. */
  readonly compression: string;
  /** The same for dar's catalogues only, where compression is `none`. */
  readonly catalogueCompression: string;
  /** keyFile: passphrase in a file of mode 0600 or less; keyId is what manifests name. */
  readonly encryption: { readonly keyFile: string; readonly cipher: string; readonly keyId: string } | null;
  /** Extended attributes not to save (dar -u masks), e.g. `trusted.lov`. */
  readonly excludeXattrs: readonly string[];
  /** File name masks not worth compressing (dar -Z). */
  readonly storeOnly: readonly string[];
  /** How often a file that changed while read is tried again. */
  readonly retryOnChange: number;
  /** Without reading or writing for so long it hangs. */
  readonly inactivityTimeoutMs: number;
}

export interface WorkerConfig {
  readonly slots: number;
  /** 0 to 1, the share of slots that fulls never take. */
  readonly incrementalSlots: number;
  readonly transferSlots: number;
  readonly memoryBudget: number;
  readonly stopGraceMs: number;
  /** To all LTS together, and as many back; null = unlimited. */
  readonly bandwidthBytesPerSecond: number | null;
  readonly nice: number | null;
  /** `idle`, or `best-effort:0` to 7. */
  readonly ioClass: string | null;
}

/** Defaults of what `bw-bkup limits` changes while everything runs; null = no limit. */
export interface PolitenessConfig {
  readonly concurrency: number | null;
  readonly windows: { readonly fulls: readonly Window[] | null };
  readonly statLatencyMs: number | null;
  readonly statFactor: number | null;
}

export interface ScanConfig {
  /** Most finds at a time on a source's filesystem, of one host. */
  readonly concurrency: number;
}

export interface IndexConfig {
  readonly racyWindowMs: number;
}

export interface LimitsConfig {
  readonly maxExceptions: number;
  /** An empty basepath is saved, unless its newest backup held something. */
  readonly allowEmpty: boolean;
  /** 0 to 1; a backup of fewer than this share of the paths of the one before is flagged. */
  readonly maxShrink: number;
}

export interface ShardLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** Every backend adds its own settings: `| { backend: 'x'; x: XConfig }`. */
export type LtsConfig = LtsCommon & ({ readonly backend: 'posix' } | { readonly backend: 'rclone'; readonly rclone: RcloneConfig } | { readonly backend: 'gridftp'; readonly gridftp: GridftpConfig } | { readonly backend: 'globus'; readonly globus: GlobusConfig });

export interface RcloneConfig {
  readonly remote: string;
  /** null: from the environment. */
  readonly configFile: string | null;
}

export interface GlobusConfig {
  /** Ids of collections and of the client are UUIDs. */
  readonly collection: string;
  /** Where collections show directories of hosts; host null = of every host without an entry of its own. */
  readonly sources: readonly { readonly host: string | null; readonly dir: string; readonly collection: string; readonly path: string }[];
  readonly clientId: string;
  readonly secretFile: string;
  readonly maxTasks: number;
  readonly transferUrl: string;
  readonly authUrl: string;
}

export interface GridftpConfig {
  readonly server: { readonly scheme: 'ftp' | 'gsiftp'; readonly host: string; readonly port: number };
  readonly auth:
    | { readonly kind: 'anonymous' }
    | { readonly kind: 'password'; readonly user: string; readonly passwordFile: string }
    /** Of a proxy both files are the same. `subject`: of the server; null = it must have the host's name. */
    | { readonly kind: 'gsi'; readonly certFile: string; readonly keyFile: string; readonly caDir: string; readonly subject: string | null };
  readonly streams: number;
  readonly concurrent: number;
}

export interface LtsCommon {
  readonly name: string;
  /** Of this host for `posix`; else of the far end. */
  readonly dir: string;
  /** Bytes per second and host, null = unlimited. */
  readonly bandwidthBytesPerSecond: number | null;
  /** Small slices and metadata are bundled; null = each is an object of its own. */
  readonly bundle: BundleConfig | null;
  /** Reading may recall from tape. */
  readonly tape: boolean;
}

export interface BundleConfig {
  /** What is smaller is bundled; a bundle is closed when it has so much. */
  readonly minBytes: number;
  /** And when its oldest part has waited so long. */
  readonly maxWaitMs: number;
}

export interface VerifyConfig {
  /** null: only when asked for. */
  readonly everyMs: number | null;
  readonly level: 'manifest' | 'hash' | 'dar' | 'restore';
  readonly samplePercent: number;
  /** What may be recalled from tape a day; null: nothing. */
  readonly recallPerDay: { readonly bytes: number; readonly objects: number } | null;
}

export interface HttpConfig {
  readonly bind: string;
  /** One port per process; 0 = any free one, null = no HTTP. */
  readonly producerPort: number | null;
  readonly workerPort: number | null;
  /** File with the bull-board token; null = a token made at start and written to state.dir/http.token. */
  readonly tokenFile: string | null;
  readonly boardReadOnly: boolean;
}
