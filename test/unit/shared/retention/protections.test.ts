import { describe, expect, it } from 'vitest';
import { ulid } from 'ulid';
import { Protections, type ProtectionRecord } from '../../../../shared/retention/protections.js';

const [A, B] = [ulid(1), ulid(2)] as const;
const stamp = { v: 1, at: '2026-05-01T00:00:00.000Z', writer: 'w' } as const;
const hold = (kind: 'held' | 'released', backupId: string | null, reason = 'x'): ProtectionRecord => ({ ...stamp, kind, basepathId: 'alice', backupId, reason });

function after(...records: ProtectionRecord[]): Protections {
  const protections = new Protections();
  for (const record of records) protections.apply(record);
  return protections;
}

describe('Protections', () => {
  it('holds one backup, or all of a basepath, until that is released', () => {
    expect(after(hold('held', A, 'lawyers')).holdOf('alice', A)).toBe('lawyers');
    expect(after(hold('held', A)).holdOf('alice', B)).toBeNull();
    expect(after(hold('held', null, 'audit')).holdOf('alice', B)).toBe('audit');
    expect(after(hold('held', null)).holdOf('bob', B)).toBeNull();
    expect(after(hold('held', A), hold('released', A)).holdOf('alice', A)).toBeNull();
    expect(after(hold('held', A, 'one'), hold('held', A, 'two')).holdOf('alice', A)).toBe('two');
  });

  it('keeps holds on a basepath and on a backup of it apart', () => {
    const both = [hold('held', null, 'audit'), hold('held', A, 'lawyers')];
    expect(after(...both, hold('released', null)).holdOf('alice', A)).toBe('lawyers');
    expect(after(...both, hold('released', A)).holdOf('alice', A)).toBe('audit');
  });

  it('remembers what was accepted, and when a backup was brought back last', () => {
    const back = (at: string): ProtectionRecord => ({ ...stamp, at, kind: 'undeleted', basepathId: 'alice', backupId: A });
    const protections = after({ ...stamp, kind: 'accepted', basepathId: 'alice', backupId: B, reason: '' }, back('2026-05-01T00:00:00.000Z'), back('2026-05-02T00:00:00.000Z'));
    expect(protections.accepted).toEqual(new Set([B]));
    expect(protections.undeletedAtMs).toEqual(new Map([[A, Date.parse('2026-05-02T00:00:00.000Z')]]));
  });
});
