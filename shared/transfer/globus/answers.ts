import { z } from 'zod';

/**
 * What the Transfer API v0.10 and Auth answer, as far as it is used; everything else is let through unread. Shapes: the public fixtures of
 * globus-sdk-python (testing/data/transfer) and globus-cli (api_fixtures).
 */
export const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'is not a UUID');

const count = z.number().int().nonnegative();

const tokenPart = z.object({ access_token: z.string().min(1), expires_in: z.number().positive(), resource_server: z.string(), scope: z.string() });
export const tokenAnswer = tokenPart.extend({ other_tokens: z.array(tokenPart).default([]) });

export const submissionAnswer = z.object({ value: uuid });

/** Of transfer and delete. `Duplicate`: this submission id was accepted before, and this is the task of then. */
export const submittedAnswer = z.object({ code: z.enum(['Accepted', 'Duplicate']), task_id: uuid });

/** Cancelled · will be · had ended already. None of them proves that it was not done: the task is read again. */
export const cancelAnswer = z.object({ code: z.enum(['Canceled', 'CancelAccepted', 'TaskComplete']) });

export const taskAnswer = z.object({
  task_id: uuid,
  type: z.string(),
  status: z.enum(['ACTIVE', 'INACTIVE', 'SUCCEEDED', 'FAILED']),
  label: z.string().nullish(),
  nice_status: z.string().nullish(),
  nice_status_details: z.string().nullish(),
  is_paused: z.boolean().default(false),
  bytes_transferred: count.default(0),
  files: count.nullish(),
  files_transferred: count.nullish(),
  files_skipped: count.nullish(),
  request_time: z.string().nullish(),
  completion_time: z.string().nullish(),
  history_deleted: z.boolean().default(false),
  fatal_error: z.object({ code: z.string(), description: z.string() }).nullish(),
  canceled_by_admin: z.string().nullish(),
  canceled_by_admin_message: z.string().nullish(),
});
export type Task = z.infer<typeof taskAnswer>;

export const taskListAnswer = z.object({ DATA: z.array(taskAnswer), total: count.nullish() });

const event = z.object({ code: z.string(), is_error: z.boolean(), time: z.string(), description: z.string().nullish(), details: z.string().nullish() });
/** Newest first. */
export const eventsAnswer = z.object({ DATA: z.array(event) });
export type TaskEvent = z.infer<typeof event>;

export const successesAnswer = z.object({
  DATA: z.array(z.object({ source_path: z.string(), destination_path: z.string() })),
  next_marker: z.union([z.string(), z.number()]).nullish(),
});

export const skippedAnswer = z.object({
  DATA: z.array(z.object({ error_code: z.string(), source_path: z.string().nullish(), destination_path: z.string().nullish() })),
  next_marker: z.union([z.string(), z.number()]).nullish(),
});

export const pauseAnswer = z.object({
  message: z.string().nullish(),
  source_pause_message: z.string().nullish(),
  destination_pause_message: z.string().nullish(),
  pause_rules: z.array(z.object({ message: z.string().nullish() })).default([]),
});
export type PauseInfo = z.infer<typeof pauseAnswer>;

const file = z.object({ name: z.string(), type: z.string(), size: count.nullish(), last_modified: z.string().nullish() });
export const listAnswer = z.object({ DATA: z.array(file), length: count.nullish(), rename_supported: z.boolean().nullish() });
export const statAnswer = z.object({ type: z.string(), size: count.nullish() });
export type FileEntry = z.infer<typeof file>;

/** mkdir and rename. */
export const doneAnswer = z.object({ code: z.string() });

/** An error of the Transfer API; of Auth, `error` has the code. */
export const errorAnswer = z.object({
  code: z.string().optional(),
  error: z.string().optional(),
  message: z.string().optional(),
  error_description: z.string().optional(),
  request_id: z.string().optional(),
  required_scopes: z.array(z.string()).optional(),
  authorization_parameters: z
    .object({
      session_message: z.string().nullish(),
      session_required_identities: z.union([z.string(), z.array(z.string())]).nullish(),
      session_required_single_domain: z.union([z.string(), z.array(z.string())]).nullish(),
      session_required_policies: z.union([z.string(), z.array(z.string())]).nullish(),
      session_required_mfa: z.boolean().nullish(),
      required_scopes: z.array(z.string()).nullish(),
    })
    .nullish(),
});
export type ErrorAnswer = z.infer<typeof errorAnswer>;
