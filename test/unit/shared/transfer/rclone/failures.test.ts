import { describe, expect, it } from 'vitest';
import { kindOfFailure, rcloneError, type FailureKind } from '../../../../../shared/transfer/rclone/failures.js';
import { withoutSecrets } from '../../../../../shared/transfer/without-secrets.js';
import { parseMessage, parseMessages } from '../../../../../shared/transfer/rclone/messages.js';

/** What rclone 1.60.1 printed, and what it ended with. */
const SEEN: readonly (readonly [FailureKind, number, string])[] = [
  ['missing', 3, '2026/11/26 15:22:28 Failed to lsjson: directory not found'],
  ['missing', 3, '{"level":"error","msg":"error listing: directory not found","time":"2026-11-26T15:24:29Z"}\n2026/11/26 15:24:29 Failed to cat with 2 errors: last error was: directory not found'],
  ['missing', 4, '2026/11/26 15:24:29 Failed to cat: something rclone has no words for'],
  ['denied', 1, '{"level":"error","msg":"Failed to copy: mkdir /lts/a/b: permission denied","object":"a/b/f1","objectType":"*local.Object"}'],
  ['denied', 1, '2026/11/26 15:24:29 Failed to cat: open /lts/a/b/f1: permission denied'],
  ['full', 1, '{"level":"error","msg":"Failed to copy: preallocate: file too big for remaining disk space","object":"c/big"}'],
  ['full', 1, '{"level":"error","msg":"Failed to copy: write /lts/c/big: no space left on device","object":"c/big"}'],
  ['full', 1, '{"level":"error","msg":"Failed to copy: googleapi: Error 403: The user\'s Drive storage quota has been exceeded., storageQuotaExceeded"}'],
  ['config', 1, '2026/11/26 15:24:29 Failed to create file system for "nocfg:x": didn\'t find section in config file'],
  ['connection', 1, '2026/11/26 15:24:29 Failed to create file system for "dav:": read metadata failed: Propfind "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused'],
  ['connection', 1, '2026/11/26 15:24:29 Failed to create file system for "s:": NewFs: couldn\'t connect SSH: dial tcp 127.0.0.1:1: i/o timeout'],
  ['denied', 1, '2026/11/26 15:24:29 Failed to create file system for "s:": NewFs: couldn\'t connect SSH: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password]'],
  ['recalling', 1, '{"level":"error","msg":"Failed to open: InvalidObjectState: Object is in archived state"}'],
  ['other', 7, '{"level":"error","msg":"Fatal error received - not attempting retries"}'],
  ['other', 1, '{"level":"info","msg":"permission denied"}'],
  ['other', 1, ''],
];

describe('what rclone says', () => {
  it.each(SEEN)('is %s (rc %d): %s', (kind, code, text) => {
    expect(kindOfFailure(code, parseMessages(text))).toBe(kind);
  });

  it('is asked about one object first', () => {
    const messages = parseMessages('{"level":"error","msg":"permission denied","object":"a"}\n{"level":"error","msg":"no space left on device","object":"b"}');
    expect(kindOfFailure(1, messages, 'a')).toBe('denied');
    expect(kindOfFailure(1, messages, 'b')).toBe('full');
    expect(kindOfFailure(1, messages, 'c')).toBe('full');
  });

  it('becomes an error with a decision', () => {
    const told = (['full', 'denied', 'config', 'recalling', 'connection', 'other', 'missing'] as const).map((kind) => {
      const { code, retry } = rcloneError(kind, [], { lts: 'off', subject: 'a/b' });
      return `${kind}: ${code} ${retry}`;
    });
    expect(told).toEqual([
      'full: TRANSFER_NO_SPACE operator',
      'denied: TRANSFER_DENIED operator',
      'config: RCLONE_CONFIG operator',
      'recalling: RESTORE_NOT_RECALLED retry',
      'connection: TRANSFER_IO retry',
      'other: TRANSFER_IO retry',
      'missing: TRANSFER_IO retry',
    ]);
    const messages = parseMessages('{"level":"info","msg":"Copied (new)"}\nno space left\nno space left\nhttps://me:geheim@host/x failed');
    expect(rcloneError('full', messages, { lts: 'off', subject: 'a/b' })).toMatchObject({ lts: 'off', subject: 'a/b', detail: 'no space left\nhttps://me:***@host/x failed' });
    expect(withoutSecrets('ftp://u:p%20w@h sftp://u@h http://h:80/')).toBe('ftp://u:***@h sftp://u@h http://h:80/');
  });

  it('is read line by line, whatever it is', () => {
    expect(parseMessage('')).toBeNull();
    expect(parseMessage('{"level":"info","msg":"cut of')).toEqual({ level: 'error', text: '{"level":"info","msg":"cut of', object: null, underWay: null });
    expect(parseMessage('{"level":"info","msg":"\\nTransferred: 1\\n","stats":{"bytes":5,"transferring":[{"name":"a/b","bytes":5},{"name":"c"}]}}')).toEqual({
      level: 'info', text: 'Transferred: 1', object: null, underWay: new Map([['a/b', 5], ['c', 0]]),
    });
    expect(parseMessage('{"level":"warning","msg":"x","stats":{"bytes":0}}')?.underWay).toEqual(new Map());
  });
});
