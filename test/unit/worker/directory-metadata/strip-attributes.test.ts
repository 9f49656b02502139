import { describe, expect, it } from 'vitest';
import { attributesIn } from '../../../../worker/directory-metadata/strip-attributes.js';

describe('attributesIn', () => {
  it('finds who has which attribute, whatever their names are', () => {
    const text = '# file: ./a\nsystem.posix_acl_access\nuser.x\n\n# file: ./new\\012line\\134\nuser.x\nuser.\\075odd\n\n';
    expect([...attributesIn(text)]).toEqual([
      ['system.posix_acl_access', ['./a']],
      ['user.x', ['./a', './new\nline\\']],
      ['user.=odd', ['./new\nline\\']],
    ]);
  });

  it('finds nothing in nothing', () => {
    expect(attributesIn('').size).toBe(0);
  });
});
