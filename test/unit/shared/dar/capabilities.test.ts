import { describe, expect, it } from 'vitest';
import type { DarConfig } from '../../../../shared/config/config.js';
import { assertDarSupports, parseDarVersion } from '../../../../shared/dar/capabilities.js';

const TEXT = `
 dar version 2.7.8, Copyright (C) 2002-2022 Denis Corbin
   Long options support         : YES

 Using libdar 6.5.0 built with compilation time options:
   gzip compression (libz)      : YES
   bzip2 compression (libbzip2) : YES
   lzo compression (liblzo2)    : NO
   xz compression (liblzma)     : YES
   zstd compression (libzstd)   : YES
   lz4 compression (liblz4)     : YES
   Strong encryption (libgcrypt): YES
   Public key ciphers (gpgme)   : NO
   Extended Attributes support  : YES
   Large files support (> 2GB)  : YES
   Integer size used            : 64 bits
   Furtive read mode support    : YES
   Multiple threads (libthreads): NO
   Delta compression (librsync) : NO
`;
const policy: DarConfig = { sliceBytes: 1, compression: 'none', catalogueCompression: 'zstd:1', encryption: null, excludeXattrs: [], storeOnly: [], retryOnChange: 0, inactivityTimeoutMs: 1_800_000 };
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;
const cipher = (name: string): DarConfig => ({ ...policy, encryption: { keyFile: '/k', cipher: name, keyId: 'k' } });

describe('capabilities of dar', () => {
  const capabilities = parseDarVersion(TEXT);

  it('are read from its version text', () => {
    expect(capabilities).toEqual({
      version: '2.7.8', libdar: '6.5.0', compression: ['gzip', 'bzip2', 'xz', 'zstd', 'lz4'], encryption: true, publicKeys: false,
      extendedAttributes: true, largeFiles: true, integerSize: '64', threads: false, delta: false, furtiveRead: true,
    });
    expect(() => parseDarVersion('darkhttpd 1.0')).toThrow(code('DAR_UNRECOGNISED'));
  });

  it('are compared with the policy', () => {
    for (const compression of ['none', 'zstd:1', 'gzip', 'lz4:3']) assertDarSupports(capabilities, { ...policy, compression });
    expect(() => { assertDarSupports(capabilities, { ...policy, compression: 'lzo:3' }); }).toThrow(code('DAR_LACKS_COMPRESSION'));
    assertDarSupports(capabilities, cipher('aes256'));
    expect(() => { assertDarSupports(capabilities, cipher('scrambling')); }).toThrow(code('DAR_LACKS_ENCRYPTION'));
    expect(() => { assertDarSupports({ ...capabilities, encryption: false }, cipher('aes256')); }).toThrow(code('DAR_LACKS_ENCRYPTION'));
    expect(() => { assertDarSupports({ ...capabilities, extendedAttributes: false }, policy); }).toThrow(code('DAR_LACKS_XATTRS'));
  });
});
