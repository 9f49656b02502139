#!/usr/bin/env node
import { Command, Option } from 'commander';
import { registerConfigCommands } from '../producer/cli/config/index.js';
import { formatError, toBwError } from '../shared/errors/bw-error.js';
import { exitCodeOf } from '../shared/errors/exit-codes.js';
import type { CommonOptions } from '../producer/cli/session.js';
import { BW_BKUP_VERSION } from '../shared/version.js';

// Commands are imported when they are called: `status` should not wait for the web board and the queues to load.

const program = new Command('bw-bkup')
  .description('Backs up large filesystems with dar: scan, archive, transfer, verify, seal, restore.')
  .version(BW_BKUP_VERSION)
  .showHelpAfterError();

/** Adds the options all commands have. */
function withCommon(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (default: $BW_CONFIG or /etc/bw-bkup/bw-bkup.yaml)')
    .option('--set <key=value...>', 'override a configuration key')
    .option('--json', 'print JSON for programs');
}

function command(name: string, description: string): Command {
  return withCommon(program.command(name).description(description));
}

/** Ends the process with the command's exit code, or the error's. */
function ending<Args extends unknown[]>(run: (...args: Args) => Promise<number>): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      process.exitCode = await run(...args);
    } catch (thrown) {
      const error = toBwError(thrown);
      process.stderr.write(`${formatError(error)}\n`);
      if (error.code === 'UNEXPECTED' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack ?? ''}\n`);
      process.exitCode = exitCodeOf(error);
    }
  };
}

const daemons = () => import('./daemons.js');
const local = async () => (await import('./start-local.js')).startLocal;

command('standalone', 'embedded Redis, producer and worker in one process')
  .option('--once', 'do what is due now, then end')
  .action(ending(async (options) => (await import('./standalone.js')).standaloneCommand(options)));
command('producer', 'scan topdirs and enqueue what is due').action(ending(async (options) => (await daemons()).producerCommand(options)));
command('worker', 'do jobs on this host').action(ending(async (options) => (await daemons()).workerCommand(options)));
command('backup <basepath>', 'back up one basepath now (full)')
  .option('--wait', 'wait until it is sealed')
  .option('--accept-source', 'the basepath moved to another filesystem on purpose')
  .action(ending(async (name: string, options) => (await import('../producer/cli/backup-command.js')).backupCommand(name, options, await local())));
command('restore <basepath>', 'restore a basepath, or paths of it')
  .option('--to <dir>', 'new or empty directory to restore into')
  .option('--backup <id>', 'which backup (default: the newest)')
  .option('--path <path...>', 'only these paths, relative to the basepath')
  .option('--in-place', 'restore into the basepath itself')
  .addOption(new Option('--on-conflict <how>', 'with --in-place: what happens to existing files').choices(['keep', 'rename', 'overwrite']))
  .option('--compare <source>', 'compare the result with this directory, by content and metadata')
  .option('--detach', 'do not wait')
  .action(ending(async (name: string, options) => (await import('../producer/cli/restore-command.js')).restoreCommand(name, options, await local())));
command('status', 'state of every basepath, and running work').action(
  ending(async (options) => (await import('../producer/cli/status-command.js')).statusCommand(options)),
);
command('backups [basepath]', 'sealed backups').action(
  ending(async (name: string | undefined, options) => (await import('../producer/cli/backups-command.js')).backupsCommand(name, options)),
);
command('ls <backup> [pattern]', 'what a backup holds').action(
  ending(async (backup: string, pattern: string | undefined, options) => (await import('../producer/cli/ls-command.js')).lsCommand(backup, pattern, options)),
);
command('exceptions <backup>', 'paths a backup could not save as they were, and why').action(
  ending(async (backup: string, options: CommonOptions) => (await import('../producer/cli/exceptions-command.js')).exceptionsCommand(backup, options)),
);
const catalog = program.command('catalog').description('the directory of sealed backups');
withCommon(catalog.command('rebuild').description('refill Redis from the catalog')).action(
  ending(async (options) => (await import('../producer/cli/catalog-command.js')).rebuildCommand(options, await local())),
);
registerConfigCommands(program);

await program.parseAsync();
