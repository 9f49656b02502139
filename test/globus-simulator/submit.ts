import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ApiError, badRequest } from './api-error.js';
import { requireAccess, type Caller } from './auth.js';
import type { Context } from './context.js';
import { isFinished, type ItemRecord, type TaskFlags, type TaskRecord, type TaskType } from './records.js';

export const DAY_MS = 86_400_000;

const Common = {
  submission_id: z.uuid(),
  label: z.string().max(128).regex(/^(?! )[^\r\n]*(?<! )$/, 'label has line ends or blanks around it').nullish(),
  deadline: z.string().nullish(),
};
const flag = z.boolean().nullish();
const Transfer = z.looseObject({
  ...Common,
  DATA_TYPE: z.literal('transfer'),
  source_endpoint: z.string(),
  destination_endpoint: z.string(),
  verify_checksum: flag, preserve_timestamp: flag, encrypt_data: flag, skip_source_errors: flag, fail_on_quota_errors: flag, delete_destination_extra: flag,
  sync_level: z.number().int().min(0).max(3).nullish(),
  DATA: z.array(z.looseObject({
    DATA_TYPE: z.literal('transfer_item'),
    source_path: z.string(),
    destination_path: z.string(),
    recursive: flag,
    external_checksum: z.string().nullish(),
    checksum_algorithm: z.string().regex(/^(md5|sha-?(1|224|256|384|512))$/i).nullish(),
  })),
});
const Delete = z.looseObject({
  ...Common,
  DATA_TYPE: z.literal('delete'),
  endpoint: z.string(),
  recursive: flag, ignore_missing: flag, interpret_globs: flag,
  DATA: z.array(z.looseObject({ DATA_TYPE: z.literal('delete_item'), path: z.string() })),
});

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw badRequest(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

interface Submission {
  readonly type: TaskType;
  readonly source: string;
  readonly destination: string | null;
  readonly flags: TaskFlags;
  readonly items: ItemRecord[];
  readonly body: { readonly submission_id: string; readonly label?: string | null | undefined; readonly deadline?: string | null | undefined };
}

const item = (source: string, destination: string, more: Partial<ItemRecord> = {}): ItemRecord =>
  ({ source, destination, recursive: false, checksum: null, algorithm: null, state: 'pending', size: 0, sum: null, ...more });

/** POST /transfer. What is not said is false, as over the API of the service. */
export function submitTransfer(context: Context, caller: Caller, json: unknown): Record<string, unknown> {
  const body = parse(Transfer, json);
  if (body.DATA.length === 0) throw badRequest('A transfer requires at least one item', 'ClientError.BadRequest.NoTransferItems');
  const items = body.DATA.map((entry) => item(entry.source_path, entry.destination_path, {
    recursive: entry.recursive === true,
    checksum: entry.external_checksum ?? null,
    algorithm: entry.checksum_algorithm ?? null,
  }));
  const flags: TaskFlags = {
    verifyChecksum: body.verify_checksum === true,
    preserveTimestamp: body.preserve_timestamp === true,
    encryptData: body.encrypt_data === true,
    syncLevel: body.sync_level ?? null,
    skipSourceErrors: body.skip_source_errors === true,
    failOnQuotaErrors: body.fail_on_quota_errors === true,
    deleteDestinationExtra: body.delete_destination_extra === true,
    recursive: false,
    ignoreMissing: false,
  };
  return accept(context, caller, { type: 'TRANSFER', source: body.source_endpoint, destination: body.destination_endpoint, flags, items, body });
}

/** POST /delete. */
export function submitDelete(context: Context, caller: Caller, json: unknown): Record<string, unknown> {
  const body = parse(Delete, json);
  if (body.DATA.length === 0) throw badRequest('A delete requires at least one item', 'ClientError.BadRequest.NoDeleteItems');
  if (body.interpret_globs === true) throw badRequest('interpret_globs is not simulated');
  const flags: TaskFlags = {
    verifyChecksum: false, preserveTimestamp: false, encryptData: false, syncLevel: null, skipSourceErrors: false, failOnQuotaErrors: false,
    deleteDestinationExtra: false, recursive: body.recursive === true, ignoreMissing: body.ignore_missing === true,
  };
  return accept(context, caller, { type: 'DELETE', source: body.endpoint, destination: null, flags, items: body.DATA.map(({ path }) => item(path, '')), body });
}

function accept(context: Context, caller: Caller, submission: Submission): Record<string, unknown> {
  const id = submission.body.submission_id.toLowerCase();
  const before = context.store.bySubmission.get(`${caller.client} ${id}`);
  // Whatever the body says this time: the submission id alone decides, also after the end of the task.
  if (before !== undefined) return result('Duplicate', 'This submission_id was used before; the task of that submission is returned', before);
  for (const collection of [submission.source, submission.destination]) {
    if (collection !== null) requireAccess(context, caller, collection, 'submit');
  }
  refuseIdentical(context, caller, submission);
  const task = newTask(context, caller, submission, id);
  context.store.commit({ t: 'task', task });
  const noun = submission.type === 'TRANSFER' ? 'transfer' : 'delete';
  return result('Accepted', `The ${noun} has been accepted and a task has been created and queued for execution`, task);
}

function newTask(context: Context, caller: Caller, submission: Submission, submissionId: string): TaskRecord {
  const now = context.now();
  const submitted = Object.fromEntries(Object.entries(submission.body).filter(([key]) => key !== 'DATA'));
  return {
    id: randomUUID(), submissionId, owner: caller.client, type: submission.type, requestTime: now,
    source: submission.source, destination: submission.destination, flags: submission.flags, items: submission.items,
    submitted, events: [], skipped: [],
    status: 'ACTIVE', label: submission.body.label ?? null, ...deadlineOf(submission.body.deadline, now),
    completionTime: null, fatalError: null, lastError: null, paused: false, faults: 0, bytesTransferred: 0, bytesChecksummed: 0, directories: 0,
  };
}

/** A deadline of the user, or 24 h that the scheduler extends. Throws 400. */
export function deadlineOf(text: string | null | undefined, now: number): { deadline: number; userDeadline: boolean } {
  if (text === null || text === undefined) return { deadline: now + DAY_MS, userDeadline: false };
  const deadline = Date.parse(text.replace(' ', 'T'));
  if (Number.isNaN(deadline)) throw badRequest(`deadline '${text}' is not a time`);
  return { deadline, userDeadline: true };
}

/** No task id in this answer, as in the service: the client has to find the other task itself. */
function refuseIdentical(context: Context, caller: Caller, submission: Submission): void {
  const { store, options } = context;
  if (submission.type === 'DELETE') return;
  const pair = ({ source, destination }: ItemRecord): string => `${source}\n${destination}`;
  const wanted = new Set(submission.items.map(pair));
  for (const task of store.tasks.values()) {
    if (isFinished(task) || task.owner !== caller.client || task.source !== submission.source || task.destination !== submission.destination) continue;
    const theirs = new Set(task.items.map(pair));
    const common = [...wanted].filter((one) => theirs.has(one)).length;
    if (options.identicalPaths === 'same-list' ? common === wanted.size && common === theirs.size : common > 0) {
      throw new ApiError(409, 'Conflict', 'A transfer with identical paths has not yet completed');
    }
  }
}

function result(code: string, message: string, task: TaskRecord): Record<string, unknown> {
  return {
    DATA_TYPE: task.type === 'TRANSFER' ? 'transfer_result' : 'delete_result',
    code,
    message,
    submission_id: task.submissionId,
    task_id: task.id,
    task_link: { DATA_TYPE: 'link', href: `/v0.10/task/${task.id}?format=json`, rel: 'related', resource: 'task', title: 'related task' },
  };
}
