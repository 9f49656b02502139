import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { BwError } from '../../../shared/errors/bw-error.js';
import { newestInto, topdirRestores, type TopdirRestoreOnRecord } from '../../../shared/topdir-restore/on-record.js';
import type { TopdirBasepath } from '../../../shared/topdir-restore/plan.js';
import { usage, type Site } from '../site.js';
import { resumeCommand, type TopdirRequest } from './options.js';
import { planTopdir } from './site-plan.js';

/** What is to be done, whoever does it. */
export interface TopdirWork {
  readonly id: string;
  readonly request: TopdirRequest;
  readonly atMs: number;
  /** When its first start began, ISO. */
  readonly since: string;
  readonly basepaths: readonly TopdirBasepath[];
}

/** Throws RESTORE_NOT_RESUMABLE, RESTORE_TARGET_NOT_EMPTY, USAGE, BASEPATH_UNKNOWN. */
export async function workOf(site: Site, request: TopdirRequest): Promise<TopdirWork> {
  const onRecord = await topdirRestores(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const earlier = newestInto(onRecord, request.topdir, request.target);
  if (request.resume) return resumed(site, request, earlier);
  const [first] = await readdir(request.target).catch(() => []);
  if (first !== undefined) throw notEmpty(request, first, earlier);
  const atMs = request.atMs ?? Date.now();
  return { id: ulid(), request, atMs, since: new Date().toISOString(), basepaths: await planTopdir(site, request, atMs) };
}

async function resumed(site: Site, request: TopdirRequest, earlier: TopdirRestoreOnRecord | null): Promise<TopdirWork> {
  if (earlier === null) throw notResumable(request);
  const { topdirRestoreId: id, at: since, asOf } = earlier.begun;
  const atMs = Date.parse(asOf);
  if (request.atMs !== null && request.atMs !== atMs) throw usage(`the restore into ${request.target} is as of ${asOf}`, 'Leave --at away, or restore into another directory.');
  return { id, request, atMs, since, basepaths: await planTopdir(site, request, atMs) };
}

/** Where a basepath goes. */
export function targetOf({ target }: Pick<TopdirRequest, 'target'>, { name }: Pick<TopdirBasepath, 'name'>): string {
  return join(target, name);
}

function notEmpty(request: TopdirRequest, first: string, earlier: TopdirRestoreOnRecord | null): BwError {
  const goOn = earlier === null ? '' : ` To go on with the restore as of ${earlier.begun.asOf} that was begun there: \`${resumeCommand(request)}\`.`;
  return new BwError('RESTORE_TARGET_NOT_EMPTY', {
    message: 'the target exists and is not empty; nothing was restored',
    subject: request.target,
    detail: `it holds ${JSON.stringify(first)}`,
    retry: 'permanent',
    hint: `Choose a new directory.${goOn}`,
  });
}

function notResumable({ topdir, target }: TopdirRequest): BwError {
  return new BwError('RESTORE_NOT_RESUMABLE', {
    message: `there is nothing here to go on with: no restore of ${topdir} into it is on record`,
    subject: target,
    retry: 'permanent',
    hint: 'Begin one: the same command without --resume.',
  });
}
