#!/usr/bin/env -S node --max-old-space-size=512 --max-semi-space-size=4
// The first limit is not reached (see the memory case of the bench): without one V8 collects so late that the same work shows 40 MB more. The
// second keeps young objects in few pages (measured: 15 % less processor time for 500 small basepaths, because fewer pages fault after a fork).
import { Command, CommanderError, Option, type CommandOptions } from 'commander';
import { addConfigOptions } from '../producer/cli/config/config-options.js';
import type { ConfigOptions } from '../producer/cli/config/config-options.js';
import type { LimitsOptions } from '../producer/cli/limits-command.js';
import type { StartLocal } from '../producer/cli/session.js';
import type { CommonOptions } from '../producer/cli/site.js';
import { EXIT, EXIT_MEANINGS } from '../shared/errors/exit-codes.js';
import { BW_BKUP_VERSION } from '../shared/version.js';
import { ending } from './ending.js';

// Commands are imported when they are called: `--help` and `status` should not wait for the web board and the queues to load.

const exitCodes = Object.entries(EXIT).map(([name, code]) => `  ${String(code).padStart(2)}  ${EXIT_MEANINGS[name as keyof typeof EXIT]}`);

const program = new Command('bw-bkup')
  .description('Backs up large filesystems with dar: scan, archive, transfer, verify, seal, restore.')
  .version(BW_BKUP_VERSION)
  .configureHelp({ helpWidth: Math.max(80, process.stdout.columns || 100) })
  .showHelpAfterError('(see --help)')
  .addHelpText('after', `\nExit codes:\n${exitCodes.join('\n')}`)
  .exitOverride();

/** Adds a command with the options all have. */
function command(parent: Command, name: string, description: string, options: CommandOptions = {}): Command {
  return addConfigOptions(parent.command(name, options).description(description)).option('-v, --verbose', 'log what is done, as the daemons do');
}

const startLocal: StartLocal = async (config, logger, parts) => (await import('./start-local.js')).startService(config, logger, parts);
const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

command(program, 'standalone', 'embedded Redis, producer and worker in one process')
  .option('--once', 'do what is due now, then end')
  .action(ending(async (options: CommonOptions) => (await import('./standalone.js')).standaloneCommand(options)));
command(program, 'producer', 'scan topdirs and enqueue what is due').action(
  ending(async (options: CommonOptions) => (await import('./daemons.js')).producerCommand(options)),
);
command(program, 'worker', 'do jobs on this host').action(ending(async (options: CommonOptions) => (await import('./daemons.js')).workerCommand(options)));
command(program, 'status', 'state of every basepath, and running work')
  .option('--check', 'only what is past due (exit code 6), failed for good, out, missing a copy for too long, or a transfer task that waits for an operator (exit code 1)')
  .action(ending(async (options: CommonOptions) => (await import('../producer/cli/status-command.js')).statusCommand(options)));
command(program, 'plan [basepath]', 'what is due, why, and at which priority, without doing it')
  .option('--capacity', 'whether the full cycle fits, from what was measured')
  .option('--shards', 'the shards of a full of the basepath: it is scanned, nothing is kept')
  .option('--slots <number>', 'with --capacity: slots of all workers (default: of those that run)')
  .action(ending(async (name: string | undefined, options: CommonOptions) => (await import('../producer/cli/plan-command.js')).planCommand(name, options)));
command(program, 'backup <basepath>', 'back up one basepath now')
  .addOption(new Option('--level <level>', 'default: what the schedule would make now').choices(['full', 'differential', 'incremental']))
  .option('--wait', 'wait until it is sealed')
  .option('--accept-source', 'the basepath moved to another filesystem on purpose')
  .action(ending(async (name: string, options: CommonOptions) => (await import('../producer/cli/backup-command.js')).backupCommand(name, options, startLocal)));
command(program, 'consolidate <what>', 'a new full from what the chain of a backup (or the newest of a basepath) holds, without reading the source')
  .option('--wait', 'wait until it is sealed')
  .action(ending(async (what: string, options: CommonOptions) => (await import('../producer/cli/consolidate-command.js')).consolidateCommand(what, options, startLocal)));
command(program, 'restore [basepath]', 'restore a basepath, or paths of it, or every basepath of a topdir')
  .option('--to <dir>', 'new or empty directory to restore into')
  .option('--backup <id>', 'which backup (default: the newest)')
  .option('--at <time>', 'the state as of this time: the backup captured last before it')
  .option('--path <path>', 'only this path, relative to the basepath; may be repeated', collect)
  .option('--in-place', 'restore into the basepath itself')
  .option('--resume', 'go on with a restore into that directory that was not completed: what is right already stays')
  .addOption(new Option('--on-conflict <how>', 'with --in-place: what happens to existing files').choices(['keep', 'rename', 'overwrite']))
  .option('--compare <source>', 'compare the result with this directory, by content and metadata')
  .option('--detach', 'do not wait')
  .option('--topdir <dir>', 'every basepath this topdir had then, each as --to DIR/NAME')
  .option('--order <file>', 'with --topdir: the basepaths that come first, one a line')
  .option('--order-by <how>', 'with --topdir, for the rest: size (default: the smallest first), name, or activity')
  .option('--concurrency <number>', 'with --topdir: basepaths at a time (default: 4)')
  .option('--dry-run', 'only say what would be fetched, and how much')
  .action(ending(async (name: string | undefined, options: CommonOptions) => (await import('../producer/cli/restore-command.js')).restoreCommand(name, options, startLocal)));
command(program, 'backups [basepath]', 'sealed backups').action(
  ending(async (name: string | undefined, options: CommonOptions) => (await import('../producer/cli/backups-command.js')).backupsCommand(name, options)),
);
command(program, 'ls <backup> [pattern]', 'what a backup holds').action(
  ending(async (backup: string, pattern: string | undefined, options: CommonOptions) => (await import('../producer/cli/ls-command.js')).lsCommand(backup, pattern, options)),
);
command(program, 'find <pattern>', 'paths of all sealed backups, also those that are gone by now')
  .option('--basepath <basepath>', 'only of this one')
  .option('--since <time>', 'only what a backup since this time found new, changed or removed')
  .option('--owner <user>', 'only what belongs to this user (name or uid)')
  .action(ending(async (pattern: string, options: CommonOptions) => (await import('../producer/cli/find-command.js')).findCommand(pattern, options)));
command(program, 'history <path>', 'every version of a path that backups have')
  .option('--basepath <basepath>', 'the path is relative to this one')
  .action(ending(async (path: string, options: CommonOptions) => (await import('../producer/cli/history-command.js')).historyCommand(path, options)));
command(program, 'diff <backup> <other>', 'what differs between two backups of a basepath').action(
  ending(async (backup: string, other: string, options: CommonOptions) => (await import('../producer/cli/diff-command.js')).diffCommand(backup, other, options)),
);
command(program, 'verify [name]', 'whether backups are what was sealed: of all basepaths, of one, or one backup; always with its chain')
  .addOption(new Option('--level <level>', 'how deep: all is there, slices hashed, archives tested by dar, restored into scratch and compared').choices(['manifest', 'hash', 'dar', 'restore']).default('manifest'))
  .option('--sample <share>', 'only this share of slices, archives or files, such as 5%')
  .option('--seed <text>', 'choose the sample that an earlier verification with this seed had')
  .option('--recall', 'may read long-term storage that is on tape')
  .option('--wait', 'wait for the results')
  .action(ending(async (name: string | undefined, options: CommonOptions) => (await import('../producer/cli/verify-command.js')).verifyCommand(name, options, startLocal)));
command(program, 'import <basepath>', 'an existing dar archive as an unverified backup of a basepath')
  .requiredOption('--archive <base>', 'path of its slices without `.1.dar`; inside a long-term storage, or with --copy')
  .option('--copy', 'copy the slices into every long-term storage')
  .option('--parent <backup>', 'the import of the archive that this one is a difference to (dar -A)')
  .option('--captured-at <time>', 'when it was made (default: when its first slice was)')
  .action(ending(async (name: string, options: CommonOptions & { archive: string }) => (await import('../producer/cli/import-command.js')).importCommand(name, options)));
command(program, 'exceptions <backup>', 'paths a backup could not save as they were, and why').action(
  ending(async (backup: string, options: CommonOptions) => (await import('../producer/cli/exceptions-command.js')).exceptionsCommand(backup, options)),
);
command(program, 'prune [basepath]', 'remove backups that retention lets go')
  .option('--dry-run', 'only say what would go, and why each backup is kept')
  .option('--topdir <dir>', 'only basepaths of this topdir')
  .option('--accept', 'also when it is more than retention.maxRemoveShare')
  .option('--to-free <bytes>', 'with --dry-run: what else would have to go for so many bytes')
  .action(ending(async (name: string | undefined, options: CommonOptions) => (await import('../producer/cli/removal/prune-command.js')).pruneCommand(name, options, startLocal)));
command(program, 'undelete <backup>', 'bring a removed backup back that is not erased yet').action(
  ending(async (name: string, options: CommonOptions) => (await import('../producer/cli/removal/undelete-command.js')).undeleteCommand(name, options, startLocal)),
);
command(program, 'hold <target>', 'protect a basepath or a backup from every removal')
  .option('--reason <text>', 'why, for whoever reads it in years')
  .action(ending(async (name: string, options: CommonOptions) => (await import('../producer/cli/removal/hold-command.js')).holdCommand(name, options)));
command(program, 'release <target>', 'end a hold')
  .option('--reason <text>', 'why, for the journal')
  .action(ending(async (name: string, options: CommonOptions) => (await import('../producer/cli/removal/hold-command.js')).releaseCommand(name, options)));
command(program, 'accept <basepath>', 'a backup that shrunk is right: older ones may go')
  .option('--reason <text>', 'why, for the journal')
  .action(ending(async (name: string, options: CommonOptions) => (await import('../producer/cli/removal/accept-command.js')).acceptCommand(name, options)));
command(program, 'usage', 'what backups take in long-term storage, and when it is full').action(
  ending(async (options: CommonOptions) => (await import('../producer/cli/removal/usage-command.js')).usageCommand(options)),
);
const limits = program.command('limits').description('what workers keep to, such as bandwidth and windows, and how it is changed while they run');
command(limits, 'show', 'what is configured, and what is set (also without `show`)', { isDefault: true }).action(
  ending(async (options: CommonOptions) => (await import('../producer/cli/limits-command.js')).limitsCommand(options, startLocal)),
);
const ofWhat = (of: Command): Command => of.option('--host <name>', 'of this host only').option('--topdir <dir>', 'of this topdir only').option('--lts <name>', 'of this long-term storage only');
ofWhat(command(limits, 'set <key> <value>', 'set a limit, at once; none = no limit'))
  .option('--for <duration>', 'only so long, such as 2h')
  .action(ending(async (key: string, value: string, options: LimitsOptions) => (await import('../producer/cli/limits-command.js')).setLimitCommand(key, value, options, startLocal)));
ofWhat(command(limits, 'unset <key>', 'as the configuration has it')).action(
  ending(async (key: string, options: LimitsOptions) => (await import('../producer/cli/limits-command.js')).unsetLimitCommand(key, options, startLocal)),
);
command(program, 'drain <host>', 'a host takes no new work; what runs there goes on elsewhere')
  .addOption(new Option('--when-idle', 'let what runs there finish').conflicts('force'))
  .option('--force', 'end at once what runs there: nothing is kept of what it saved since it began there')
  .option('--wait', 'until nothing runs there, and all it staged is sent')
  .option('--reason <text>', 'why, for whoever looks at status')
  .action(ending(async (host: string, options: CommonOptions) => (await import('../producer/cli/work/drain-command.js')).drainCommand(host, options, startLocal)));
command(program, 'resume <host>', 'a drained host takes work again').action(
  ending(async (host: string, options: CommonOptions) => (await import('../producer/cli/work/drain-command.js')).resumeCommand(host, options, startLocal)),
);
command(program, 'preempt <what>', 'what runs of a backup, or on a host, gives way: it keeps what it saved and goes on later').action(
  ending(async (what: string, options: CommonOptions) => (await import('../producer/cli/work/stop-command.js')).preemptCommand(what, options, startLocal)),
);
command(program, 'cancel <backup>', 'ends a backup or restore that waits or runs; nothing of it is kept').action(
  ending(async (backup: string, options: CommonOptions) => (await import('../producer/cli/work/stop-command.js')).cancelCommand(backup, options, startLocal)),
);
command(program, 'reconcile', 'find what does not fit together (jobs, staging, catalog, long-term storage), and repair what is safe')
  .option('--dry-run', 'only say what is found')
  .option('--lts', 'also look at every object in long-term storage')
  .action(ending(async (options: CommonOptions) => (await import('../producer/cli/reconcile-command.js')).reconcileCommand(options, startLocal)));
command(program, 'doctor [lts]', 'whether what backups need works here, with a tiny round trip to every long-term storage, or to one').action(
  ending(async (lts: string | undefined, options: CommonOptions) => (await import('../producer/cli/doctor/doctor-command.js')).doctorCommand(lts, options)),
);
const copies = program.command('copies').description('what each long-term storage holds of the backups, and copies that are missing');
command(copies, 'list', 'what each holds and lacks, since when and why (also without `list`)', { isDefault: true })
  .option('--topdir <dir>', 'only backups of this topdir')
  .option('--lts <name>', 'only of this long-term storage')
  .option('--missing', 'also name every copy that is missing')
  .action(ending(async (options: CommonOptions) => (await import('../producer/cli/copies/copies-command.js')).copiesCommand(options)));
command(copies, 'make', 'order copies that are missing; with --lts also of backups from before that one was configured')
  .option('--lts <name>', 'in this long-term storage')
  .option('--topdir <dir>', 'of backups of this topdir')
  .option('--basepath <basepath>', 'of backups of this basepath')
  .option('--backup <id>', 'of this backup')
  .option('--wait', 'until they are made')
  .action(ending(async (options: CommonOptions) => (await import('../producer/cli/copies/make-command.js')).copiesMakeCommand(options, startLocal)));
command(copies, 'repair <backup>', 'read its copies, and make again what is damaged from another one')
  .option('--lts <name>', 'only the copy in this long-term storage')
  .option('--wait', 'until that is done')
  .action(ending(async (backup: string, options: CommonOptions) => (await import('../producer/cli/copies/make-command.js')).copiesRepairCommand(backup, options, startLocal)));
const tasks = program.command('tasks').description('transfers of many files at a time, to storage that works for hours by itself, such as Globus');
command(tasks, 'list', 'those that are under way, and what waits for one (also without `list`)', { isDefault: true })
  .option('--lts <name>', 'only to this long-term storage')
  .action(ending(async (options: CommonOptions) => (await import('../producer/cli/tasks/tasks-command.js')).tasksListCommand(options, startLocal)));
command(tasks, 'cancel <id>', 'end one at its service; what it has not brought goes with another').action(
  ending(async (id: string, options: CommonOptions) => (await import('../producer/cli/tasks/tasks-command.js')).tasksCancelCommand(id, options, startLocal)),
);
const breaker = program.command('breaker').description('what is out for all jobs that need it: they wait, without spending attempts');
command(breaker, 'list', 'what is out, since when, and what to do (also without `list`)', { isDefault: true }).action(
  ending(async (options: CommonOptions) => (await import('../producer/cli/breaker/breaker-command.js')).breakerListCommand(options, startLocal)),
);
command(breaker, 'close <name>', 'it is well again: jobs go on at once, and find out').action(
  ending(async (name: string, options: CommonOptions) => (await import('../producer/cli/breaker/breaker-command.js')).breakerCloseCommand(name, options, startLocal)),
);
command(breaker, 'open <name>', 'it is, or will be, out: jobs wait until it is closed by hand')
  .option('--reason <text>', 'why, for whoever looks at status')
  .action(ending(async (name: string, options: CommonOptions) => (await import('../producer/cli/breaker/breaker-command.js')).breakerOpenCommand(name, options, startLocal)));
const basepath = program.command('basepath').description('what has backups of its own');
command(basepath, 'rename <old> <new>', 'a directory was renamed: its chain goes on under the new path')
  .option('--force', 'although its root inode or owner is another one')
  .action(ending(async (old: string, now: string, options: CommonOptions) => (await import('../producer/cli/removal/rename-command.js')).renameCommand(old, now, options)));
command(basepath, 'unpark <basepath>', 'one that hung wherever it was read is read again').action(
  ending(async (name: string, options: CommonOptions) => (await import('../producer/cli/hangs/unpark-command.js')).unparkCommand(name, options, startLocal)),
);
const dead = program.command('dead').description('backups and restores that failed for good');
const selected = (own: Command): Command => own.option('--reason <code>', 'those with this error code').option('--topdir <dir>', 'those below this directory');
selected(command(dead, 'list', 'what failed for good, by cause')).action(
  ending(async (options: CommonOptions) => (await import('../producer/cli/dead/list-command.js')).deadListCommand(options, startLocal)),
);
command(dead, 'show <id>', 'all that is known of one: reason, host, what was said, what to do').action(
  ending(async (id: string, options: CommonOptions) => (await import('../producer/cli/dead/list-command.js')).deadShowCommand(id, options, startLocal)),
);
selected(command(dead, 'retry [ids...]', 'a new backup for each')).action(
  ending(async (ids: string[], options: CommonOptions) => (await import('../producer/cli/dead/retry-command.js')).deadRetryCommand(ids, options, startLocal)),
);
selected(command(dead, 'dismiss [ids...]', 'no alarm any more'))
  .option('--because <text>', 'why, for the journal')
  .action(ending(async (ids: string[], options: CommonOptions) => (await import('../producer/cli/dead/retry-command.js')).deadDismissCommand(ids, options, startLocal)));
const catalog = program.command('catalog').description('the directory of sealed backups');
command(catalog, 'rebuild', 'bring back what only long-term storage has, refill Redis from the catalog')
  .option('--from-lts <name>', 'catalog and journal are lost: take the newest snapshot of this LTS, and what is newer')
  .action(
  ending(async (options: CommonOptions & { fromLts?: string }) => (await import('../producer/cli/catalog-command.js')).rebuildCommand(options, startLocal)),
);
const config = program.command('config').description('look at the configuration');
addConfigOptions(config.command('check').description('say everything that is wrong with the configuration, or that it is well')).action(
  ending(async (options: ConfigOptions) => (await import('../producer/cli/config/index.js')).checkCommand(options)),
);
addConfigOptions(config.command('show').description('show every setting and where it comes from, secrets masked')).action(
  ending(async (options: ConfigOptions) => (await import('../producer/cli/config/index.js')).showCommand(options)),
);

// The reader of our output (a pager, `head`) may leave early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

try {
  await program.parseAsync();
} catch (thrown) {
  if (!(thrown instanceof CommanderError)) throw thrown;
  process.exitCode = thrown.exitCode === 0 ? EXIT.ok : EXIT.usage; // commander has said what is wrong
}
