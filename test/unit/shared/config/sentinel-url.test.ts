import { describe, expect, it } from 'vitest';
import { maskUrl } from '../../../../shared/config/mask.js';
import { parseSentinelUrl, sentinelUrlText } from '../../../../shared/config/sentinel-url.js';
import { redisLocation } from '../../../../shared/redis/location.js';

const FULL = 'rediss+sentinel://bw:p%40ss%2Fx@rs1.example.org,[2001:db8::2]:5000,10.0.0.3:26380/bw-bkup/2?sentinelPassword=s%26t';
const PARSED = {
  tls: true,
  user: 'bw',
  password: 'p@ss/x',
  sentinels: [{ host: 'rs1.example.org', port: 26_379 }, { host: '2001:db8::2', port: 5_000 }, { host: '10.0.0.3', port: 26_380 }],
  name: 'bw-bkup',
  db: 2,
  sentinelPassword: 's&t',
};

describe('a Sentinel URL', () => {
  it.each([
    ['redis+sentinel://h/m', { tls: false, user: '', password: '', sentinels: [{ host: 'h', port: 26_379 }], name: 'm', db: 0, sentinelPassword: '' }],
    ['redis+sentinel://:pw@h1,h2/m', { user: '', password: 'pw', sentinels: [{ host: 'h1', port: 26_379 }, { host: 'h2', port: 26_379 }] }],
    ['redis+sentinel://bw@h/m', { user: 'bw', password: '' }],
    [FULL, PARSED],
  ])('is read: %s', (url, expected) => {
    const parsed = parseSentinelUrl(url);
    expect(parsed).toMatchObject(expected);
    if (parsed !== null) expect(parseSentinelUrl(sentinelUrlText(parsed))).toEqual(parsed);
  });

  it.each([
    'redis://h/m',
    'redis+sentinel:h/m',
    'redis+sentinel:///m',
    'redis+sentinel://h',
    'redis+sentinel://h/',
    'redis+sentinel://h1,/m',
    'redis+sentinel://h1, h2/m',
    'redis+sentinel://h:0/m',
    'redis+sentinel://h:65536/m',
    'redis+sentinel://[::g]/m',
    'redis+sentinel://::1/m',
    'redis+sentinel://h/m/x',
    'redis+sentinel://h/m?password=x',
    'redis+sentinel://h/m m',
    'redis+sentinel://u:p@x@h/m',
    'redis+sentinel://u:%zz@h/m',
    'redis+sentinel://h/m/0\n',
  ])('is none: %j', (url) => {
    expect(parseSentinelUrl(url)).toBeNull();
  });

  it('shows no password', () => {
    expect(maskUrl(FULL)).toBe('rediss+sentinel://bw:***@rs1.example.org,[2001:db8::2]:5000,10.0.0.3:26380/bw-bkup/2?sentinelPassword=***');
    expect(maskUrl('redis+sentinel://bw:hunter2@h1:1,h2:2')).toBe('***');
    expect(redisLocation({ redis: { url: FULL }, state: { dir: '/s' } })).toBe('rediss+sentinel://rs1.example.org:26379,[2001:db8::2]:5000,10.0.0.3:26380/bw-bkup/2');
  });
});
