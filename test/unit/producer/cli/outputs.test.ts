import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkOutput, showOutput } from '../../../../producer/cli/config/outputs.js';
import {
  backupOutput, backupsOutput, capacityOutput, errorOutput, exceptionLineOutput, lsLine, planOutput, rebuildOutput, restoreOutput, standaloneOutput, statusOutput,
} from '../../../../producer/cli/outputs.js';
import { unparkOutput } from '../../../../producer/cli/hangs/outputs.js';
import { limitsOutput } from '../../../../producer/cli/limits-outputs.js';
import { shardsOutput } from '../../../../producer/cli/plan-shards-command.js';
import { verifyOutput } from '../../../../producer/cli/verify-outputs.js';
import { importOutput } from '../../../../producer/cli/import-command.js';
import { deadDismissOutput, deadListOutput, deadRetryOutput, deadShowOutput } from '../../../../producer/cli/dead/outputs.js';
import { reconcileOutput } from '../../../../producer/cli/reconcile-outputs.js';
import { acceptOutput, holdOutput, pruneOutput, renameOutput, undeleteOutput, usageOutput } from '../../../../producer/cli/removal/outputs.js';
import { doctorOutput } from '../../../../producer/cli/doctor/outputs.js';
import { breakerOutput } from '../../../../producer/cli/breaker/outputs.js';
import { copiesOutput, copyOrdersOutput } from '../../../../producer/cli/copies/outputs.js';
import { restoreDryRunOutput } from '../../../../producer/cli/restore-dry-run/outputs.js';
import { taskCancelOutput, tasksOutput } from '../../../../producer/cli/tasks/outputs.js';
import { topdirRestoreLine } from '../../../../producer/cli/topdir-restore/outputs.js';
import { drainOutput, stopOutput } from '../../../../producer/cli/work/outputs.js';
import { diffLine, findLine, historyLine } from '../../../../producer/cli/version-outputs.js';

const README = readFileSync(join(import.meta.dirname, '../../../../producer/cli/README.md'), 'utf8');

/** First words of a heading -> what is printed there. */
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  Errors: errorOutput,
  status: statusOutput,
  backups: backupsOutput,
  ls: lsLine,
  find: findLine,
  history: historyLine,
  diff: diffLine,
  verify: verifyOutput,
  import: importOutput,
  exceptions: exceptionLineOutput,
  backup: backupOutput,
  'plan --capacity': capacityOutput,
  'plan --shards': shardsOutput,
  plan: planOutput,
  'restore --topdir': topdirRestoreLine,
  'restore ... --dry-run': restoreDryRunOutput,
  restore: restoreOutput,
  'catalog rebuild': rebuildOutput,
  'dead list': deadListOutput,
  'dead show': deadShowOutput,
  'dead retry': deadRetryOutput,
  'dead dismiss': deadDismissOutput,
  prune: pruneOutput,
  undelete: undeleteOutput,
  hold: holdOutput,
  accept: acceptOutput,
  'basepath rename': renameOutput,
  'basepath unpark': unparkOutput,
  usage: usageOutput,
  'copies make': copyOrdersOutput,
  copies: copiesOutput,
  limits: limitsOutput,
  'tasks cancel': taskCancelOutput,
  tasks: tasksOutput,
  breaker: breakerOutput,
  drain: drainOutput,
  preempt: stopOutput,
  reconcile: reconcileOutput,
  doctor: doctorOutput,
  'standalone --once': standaloneOutput,
  'config check': checkOutput,
  'config show': showOutput,
};

/** Dotted names of all leaves: `a.b`, `list[].c`, `map.*.d`. */
function fieldsOf(schema: unknown, at = ''): string[] {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) return fieldsOf(schema.unwrap(), at);
  if (schema instanceof z.ZodArray) return fieldsOf(schema.element, `${at}[]`);
  if (schema instanceof z.ZodRecord) return fieldsOf(schema.valueType, `${at}.*`);
  if (!(schema instanceof z.ZodObject)) return [at];
  return Object.entries(schema.shape as Record<string, unknown>).flatMap(([name, field]) => fieldsOf(field, at === '' ? name : `${at}.${name}`));
}

function documented(): Map<string, string[]> {
  const sections = README.split(/^#{2,3} /m).slice(1);
  const tables = sections.map((section) => {
    const heading = section.slice(0, section.indexOf('\n')).replaceAll('`', '');
    const key = Object.keys(SCHEMAS).find((name) => heading === name || heading.startsWith(`${name} `));
    return [key, [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '')] as const;
  });
  return new Map(tables.flatMap(([key, fields]) => (key === undefined ? [] : [[key, fields] as const])));
}

describe('documentation of --json', () => {
  it.each(Object.entries(SCHEMAS))('%s: the fields of its schema, all and only', (name, schema) => {
    expect(documented().get(name)?.sort()).toEqual(fieldsOf(schema).sort());
  });
});
