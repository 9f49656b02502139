#!/usr/bin/env node
import { Command, Option } from 'commander';
import { backupCommand } from '../producer/cli/backup-command.js';
import { backupsCommand } from '../producer/cli/backups-command.js';
import { rebuildCommand } from '../producer/cli/catalog-command.js';
import { registerConfigCommands } from '../producer/cli/config/index.js';
import { lsCommand } from '../producer/cli/ls-command.js';
import { restoreCommand } from '../producer/cli/restore-command.js';
import { statusCommand } from '../producer/cli/status-command.js';
import { formatError, toBwError } from '../shared/errors/bw-error.js';
import { exitCodeOf } from '../shared/errors/exit-codes.js';
import { BW_BKUP_VERSION } from '../shared/version.js';
import { producerCommand, workerCommand } from './daemons.js';
import { standaloneCommand } from './standalone.js';
import { startLocal } from './start-local.js';

const program = new Command('bw-bkup')
  .description('Backs up large filesystems with dar: scan, archive, transfer, verify, seal, restore.')
  .version(BW_BKUP_VERSION)
  .showHelpAfterError();

/** A command with the options all of them have. */
function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('-c, --config <file>', 'configuration file (default: $BW_CONFIG or /etc/bw-bkup/bw-bkup.yaml)')
    .option('--set <key=value...>', 'override a configuration key')
    .option('--json', 'print JSON for programs');
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

command('standalone', 'embedded Redis, producer and worker in one process')
  .option('--once', 'do what is due now, then end')
  .action(ending(standaloneCommand));
command('producer', 'scan topdirs and enqueue what is due').action(ending(producerCommand));
command('worker', 'do jobs on this host').action(ending(workerCommand));
command('backup <basepath>', 'back up one basepath now (full)')
  .option('--wait', 'wait until it is sealed')
  .option('--accept-source', 'the basepath moved to another filesystem on purpose')
  .action(ending((name: string, options) => backupCommand(name, options, startLocal)));
command('restore <basepath>', 'restore a basepath, or paths of it')
  .option('--to <dir>', 'new or empty directory to restore into')
  .option('--backup <id>', 'which backup (default: the newest)')
  .option('--path <path...>', 'only these paths, relative to the basepath')
  .option('--in-place', 'restore into the basepath itself')
  .addOption(new Option('--on-conflict <how>', 'with --in-place: what happens to existing files').choices(['keep', 'rename', 'overwrite']))
  .option('--compare <source>', 'compare the result with this directory, by content and metadata')
  .option('--detach', 'do not wait')
  .action(ending((name: string, options) => restoreCommand(name, options, startLocal)));
command('status', 'state of every basepath, and running work').action(ending(statusCommand));
command('backups [basepath]', 'sealed backups').action(ending(backupsCommand));
command('ls <backup> [pattern]', 'what a backup holds').action(ending(lsCommand));
program
  .command('catalog')
  .description('the directory of sealed backups')
  .addCommand(
    new Command('rebuild')
      .description('refill Redis from the catalog')
      .option('-c, --config <file>', 'configuration file')
      .option('--set <key=value...>', 'override a configuration key')
      .option('--json', 'print JSON for programs')
      .action(ending((options) => rebuildCommand(options, startLocal))),
  );
registerConfigCommands(program);

await program.parseAsync();
