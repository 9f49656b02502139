import type { Command } from 'commander';
import { BwError } from '../../../shared/errors/bw-error.js';
import type { LoadRequest } from '../../../shared/config/load-config.js';

/** What every command that needs a configuration takes. */
export interface ConfigOptions {
  readonly config?: string;
  /** `KEY=VALUE` texts. */
  readonly set?: readonly string[];
  readonly json?: boolean;
}

/** Adds `--config FILE`, `--set KEY=VALUE` and `--json` to a command. */
export function addConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (else $BW_CONFIG, else /etc/bw-bkup/bw-bkup.yaml)')
    .option('--set <key=value>', 'a setting that beats file and environment, such as --set dar.sliceSize=1GiB; may be repeated', collect)
    .option('--json', 'output for programs');
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** Options of the command line as a request to load the configuration. Throws USAGE for a `--set` without `=`. */
export function configRequest(options: ConfigOptions, env: NodeJS.ProcessEnv): LoadRequest {
  return { ...(options.config === undefined ? {} : { file: options.config }), env, flags: Object.fromEntries((options.set ?? []).map(toFlag)) };
}

function toFlag(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new BwError('USAGE', {
    message: '--set takes KEY=VALUE',
    subject: at === -1 ? text : '(no key)',
    retry: 'operator',
    hint: 'For example --set logging.level=debug; `bw-bkup config show` lists the keys.',
  });
}
