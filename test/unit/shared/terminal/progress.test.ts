import { describe, expect, it } from 'vitest';
import { createProgress, displayWidth, progressLine } from '../../../../shared/terminal/index.js';

const GIB = 1024 ** 3;
const state = { label: 'alice', done: 1234, total: 2900, bytes: 1.2 * GIB, totalBytes: 3 * GIB, elapsedMs: 8000 };

describe('progressLine', () => {
  it('tells share, counts, rate and time left', () => {
    expect(progressLine(state)).toBe('alice: 40 % · 1,234 of 2,900 files · 1.2 GiB of 3.0 GiB · 154 MiB/s · 12 s left');
  });

  it('follows the count where bytes are unknown', () => {
    expect(progressLine({ ...state, total: 2468, totalBytes: null }, 'slices')).toBe('alice: 50 % · 1,234 of 2,468 slices · 1.2 GiB · 154 MiB/s · 8.0 s left');
  });

  it('promises nothing where totals are unknown, nothing is done, all is done, or it just began', () => {
    expect(progressLine({ ...state, total: null, totalBytes: null })).toBe('alice: 1,234 files · 1.2 GiB · 154 MiB/s');
    expect(progressLine({ ...state, bytes: 0 })).toBe('alice: 0 % · 1,234 of 2,900 files · 0 B of 3.0 GiB · 0 B/s');
    expect(progressLine({ ...state, bytes: 4 * GIB })).toContain('alice: 100 % · 1,234 of 2,900 files · 4.0 GiB of 3.0 GiB · 512 MiB/s');
    expect(progressLine({ ...state, bytes: 4 * GIB })).not.toContain('left');
    expect(progressLine({ ...state, elapsedMs: 999 })).not.toContain('left');
    expect(progressLine({ ...state, total: 0, totalBytes: 0, done: 0, bytes: 0, elapsedMs: 0 })).toBe('alice: 0 of 0 files · 0 B of 0 B · -');
  });
});

function recorded(isTty: boolean, columns = 80) {
  const clock = { ms: 0 };
  const written: string[] = [];
  const progress = createProgress({ write: (text) => void written.push(text), isTty, columns, nowMs: () => clock.ms });
  return { clock, written, progress };
}

describe('createProgress', () => {
  it('rewrites one line of a terminal, ten times a second at most', () => {
    const { clock, written, progress } = recorded(true);
    for (const ms of [0, 50, 99, 100]) {
      clock.ms = ms;
      progress.show(`at ${ms}`);
    }
    progress.say('note');
    progress.end('done');
    expect(written).toEqual(['\r\x1b[Kat 0', '\r\x1b[Kat 100', '\r\x1b[K', 'note\n', '\r\x1b[Kat 100', '\r\x1b[K', 'done\n']);
  });

  it('prints whole lines every ten seconds elsewhere, without control characters', () => {
    const { clock, written, progress } = recorded(false);
    for (const ms of [0, 9_999, 10_000, 20_000]) {
      clock.ms = ms;
      progress.show(ms < 20_000 ? `at ${ms}` : 'at 10000');
    }
    progress.say('note');
    progress.end();
    expect(written).toEqual(['at 0\n', 'at 10000\n', 'note\n']);
  });

  it('cuts a line that would wrap, whole characters only', () => {
    const { written, progress } = recorded(true, 12);
    progress.show('日本日本日本日本');
    const line = (written[0] ?? '').slice('\r\x1b[K'.length);
    expect(line).toBe('日本日本日…');
    expect(displayWidth(line)).toBe(11);
  });
});
