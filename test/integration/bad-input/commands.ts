import { vi } from 'vitest';
import type { z } from 'zod';
import { backupsCommand } from '../../../producer/cli/backups-command.js';
import { backupsOutput, statusOutput } from '../../../producer/cli/outputs.js';
import { statusCommand } from '../../../producer/cli/status-command.js';
import type { TestSite } from '../../helpers/site.js';

export type StatusRow = z.infer<typeof statusOutput>['basepaths'][number];

/** What `bw-bkup status --json` says of each basepath, by the last part of its path. */
export async function statusOf(site: TestSite): Promise<Map<string, StatusRow>> {
  const { text } = await captured(() => statusCommand({ config: site.configFile, json: true }));
  const { basepaths } = statusOutput.parse(JSON.parse(text));
  return new Map(basepaths.map((row) => [String(row.path).split('/').at(-1) ?? '', row]));
}

/** `bw-bkup backups --json`, with its exit code. */
export async function backupsOf(site: TestSite): Promise<z.infer<typeof backupsOutput> & { exitCode: number }> {
  const { text, exitCode } = await captured(() => backupsCommand(undefined, { config: site.configFile, json: true }));
  return { ...backupsOutput.parse(JSON.parse(text)), exitCode };
}

/** Runs a command in this process and keeps what it prints. */
export async function captured(command: () => Promise<number>): Promise<{ exitCode: number; text: string }> {
  let text = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  try {
    return { exitCode: await command(), text };
  } finally {
    spy.mockRestore();
  }
}
