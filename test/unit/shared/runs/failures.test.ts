import { describe, expect, it } from 'vitest';
import type { RecordOf } from '../../../../shared/journal/index.js';
import { openFailures } from '../../../../shared/runs/failures.js';

type End = RecordOf<'attempt-ended'>;

function end(basepathId: string, level: End['level'], outcome: End['outcome'], minute: number): End {
  const at = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  return { v: 1, at, writer: 'w', kind: 'attempt-ended', backupId: '01JQZX3K5V8W9Y2A4B6C7D8E9F', basepathId, level, outcome, error: null, startedAt: at, endedAt: at, bytes: '0', files: 0 };
}

const at = (minute: number): number => Date.UTC(2026, 0, 1, 0, minute);

describe('open failures', () => {
  it('are the last of each kind, until a backup settles them: a full all, others their kind', async () => {
    const records = [
      end('a', 'full', 'failed', 1),
      end('a', 'incremental', 'failed', 2),
      end('a', 'incremental', 'clean', 3),
      end('b', 'full', 'failed', 4),
      end('b', 'full', 'with-exceptions', 5),
      end('c', 'incremental', 'failed', 6),
      end('c', 'incremental', 'interrupted', 7),
      end('d', 'differential', 'failed', 8),
      end('d', 'incremental', 'clean', 9),
    ];
    expect(Object.fromEntries(await openFailures(records))).toEqual({ a: { full: at(1), other: null }, c: { full: null, other: at(6) } });
  });
});
