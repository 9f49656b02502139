import { describe, expect, it } from 'vitest';
import { retryDelayMs, type Attempt } from '../../../../../shared/transfer/globus/retry-policy.js';

const attempt = (more: Partial<Attempt>): Attempt => ({ status: 503, code: 'ServiceUnavailable', retryAfter: null, before: 0, random: 0.5, ...more });

describe('retryDelayMs', () => {
  it('doubles, up to ten seconds, and gives up after five', () => {
    expect([0, 1, 2, 3, 4, 5].map((before) => retryDelayMs(attempt({ before })))).toEqual([500, 1000, 2000, 4000, 8000, null]);
    expect(retryDelayMs(attempt({ before: 4, random: 1 }))).toBe(10_000);
  });

  it.each([429, 500, 502, 503, 504, null])('tries %s again', (status) => { expect(retryDelayMs(attempt({ status }))).toBe(500); });
  it.each([400, 401, 403, 404, 409, 501])('does not try %d again', (status) => { expect(retryDelayMs(attempt({ status }))).toBeNull(); });
  it.each(['ExternalError.DirListingFailed.LoginFailed', 'EndpointError'])('does not try %s again', (code) => { expect(retryDelayMs(attempt({ status: 502, code }))).toBeNull(); });

  it('waits as long as 429 and 503 say, in whole seconds, but no minutes', () => {
    const after = (status: number, retryAfter: string): number | null => retryDelayMs(attempt({ status, retryAfter }));
    expect([after(429, '7'), after(503, '0'), after(503, '60'), after(503, '61'), after(502, '7'), after(429, 'Fri, 27 Nov 2026 07:28:00 GMT')]).toEqual([7000, 0, 60_000, null, 500, 500]);
  });
});
