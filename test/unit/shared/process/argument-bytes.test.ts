import { describe, expect, it } from 'vitest';
import { argumentText, launchable } from '../../../../shared/process/argument-bytes.js';

describe('arguments as bytes', () => {
  it('passes text and valid UTF-8 bytes directly, without a launcher', () => {
    const { argv, cwd } = launchable(['find', Buffer.from('grün\n')], Buffer.from('/tmp/ü'));
    expect(argv).toEqual(['find', 'grün\n']);
    expect(cwd).toBe('/tmp/ü');
  });

  it('keeps a byte order mark', () => {
    expect(argumentText(Buffer.from([0xef, 0xbb, 0xbf, 0x61]))).toBe('\ufeffa');
  });

  it('uses the launcher for bytes that Node would replace', () => {
    expect(argumentText(Buffer.from([0xff]))).toBeNull();
    const { argv } = launchable(['ls', Buffer.from([0x2d, 0xff])], undefined);
    expect(argv.slice(3)).toEqual(['sh', '=', '=ls', '\\0055\\0377']);
  });

  it('refuses NUL', () => {
    expect(() => argumentText('a\0b')).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  });
});
