import { BwError, type BwErrorFields } from '../errors/bw-error.js';
import { formatDuration } from '../terminal/index.js';

/** What a program that hung ends with: its attempt is not spent, see shared/hosts. */
const HUNG_CODES: ReadonlySet<string> = new Set(['DAR_HUNG', 'SCAN_HUNG']);

export function isHung({ code }: Pick<BwError, 'code'>): boolean {
  return HUNG_CODES.has(code);
}

export function darHung(subject: string, inactivityMs: number, cause?: unknown): BwError {
  return new BwError('DAR_HUNG', { ...fieldsOf('dar', subject, inactivityMs), cause });
}

export function scanHung(subject: string, inactivityMs: number): BwError {
  return new BwError('SCAN_HUNG', fieldsOf('the scan', subject, inactivityMs));
}

function fieldsOf(what: string, subject: string, inactivityMs: number): BwErrorFields {
  return {
    message: `${what} has neither read nor written anything for ${formatDuration(inactivityMs)}`,
    subject,
    retry: 'retry',
    hint: 'Does the filesystem answer on this host? Look at dmesg and its mounts. Where a recall from tape takes longer, raise dar.inactivityTimeout.',
  };
}
