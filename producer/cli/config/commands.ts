import type { Command } from 'commander';
import { describeConfig, maskSecrets } from '../../../shared/config/describe-config.js';
import { loadConfig, type LoadedConfig } from '../../../shared/config/load-config.js';
import { ConfigError, formatProblem } from '../../../shared/config/problems.js';
import { formatError, toBwError } from '../../../shared/errors/bw-error.js';
import { EXIT, exitCodeOf, type ExitCode } from '../../../shared/errors/exit-codes.js';
import { addConfigOptions, configRequest, type ConfigOptions } from './config-options.js';
import { checkOutput, json, showOutput } from './outputs.js';

/** Where a command speaks and what it knows of its surroundings. */
export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

const PROCESS: Terminal = {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
};

/** `bw-bkup config check`: everything that is wrong with the configuration on this host. Exit 0 or 2. */
export async function checkCommand(options: ConfigOptions, terminal: Terminal = PROCESS): Promise<ExitCode> {
  try {
    const loaded = await loadConfig(configRequest(options, terminal.env));
    const { file, config } = loaded;
    if (options.json === true) terminal.out(json(checkOutput, { v: 1, ok: true, file, policyHash: config.policyHash, problems: [] }));
    else terminal.out(summary(loaded));
    return EXIT.ok;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) return fail(thrown, terminal);
    const { problems } = thrown;
    if (options.json === true) terminal.out(json(checkOutput, { v: 1, ok: false, file: null, policyHash: null, problems: [...problems] }));
    else terminal.out(`${problems.map(formatProblem).join('\n')}\n${problems.length === 1 ? '1 problem' : `${problems.length} problems`}\n`);
    return EXIT.usage;
  }
}

function summary({ file, config }: LoadedConfig): string {
  const { topdirs, lts, host, redis, policyHash } = config;
  const places = `${topdirs.length} topdir${topdirs.length === 1 ? '' : 's'}, LTS ${lts.map((store) => store.name).join(', ')}`;
  return `${file}: ok for host ${host}: ${places}, Redis ${redis.url === null ? 'embedded' : 'by URL'}, policy ${policyHash.slice(0, 12)}\n`;
}

/** `bw-bkup config show`: every setting with where it comes from. Directories are not looked at. Exit 0 or 2. */
export async function showCommand(options: ConfigOptions, terminal: Terminal = PROCESS): Promise<ExitCode> {
  try {
    const { config, sources, file } = await loadConfig({ ...configRequest(options, terminal.env), filesystem: 'skip' });
    const masked = maskSecrets(config);
    if (options.json === true) terminal.out(json(showOutput, { v: 1, file, config: { ...masked }, sources }));
    else terminal.out(describeConfig(config, sources));
    return EXIT.ok;
  } catch (thrown) {
    return fail(thrown, terminal);
  }
}

/** Anything but a known error is a bug and shows its stack. */
function fail(thrown: unknown, terminal: Terminal): ExitCode {
  const error = toBwError(thrown);
  const stack = error.cause instanceof Error && error.code === 'UNEXPECTED' ? `${error.cause.stack ?? ''}\n` : '';
  terminal.error(`${formatError(error)}\n${stack}`);
  return exitCodeOf(error);
}

/** Adds `config check` and `config show` to the program; they set process.exitCode. */
export function registerConfigCommands(program: Command, terminal: Terminal = PROCESS): void {
  const group = program.command('config').description('look at the configuration');
  const add = (name: string, description: string, run: (options: ConfigOptions, terminal: Terminal) => Promise<ExitCode>): void => {
    addConfigOptions(group.command(name).description(description)).action(async (options: ConfigOptions) => {
      process.exitCode = await run(options, terminal);
    });
  };
  add('check', 'say everything that is wrong with the configuration, or that it is well', checkCommand);
  add('show', 'show every setting and where it comes from, secrets masked', showCommand);
}
