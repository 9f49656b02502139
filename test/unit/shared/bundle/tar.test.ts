import { open, readFile, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { layOutBundle } from '../../../../shared/bundle/lay-out.js';
import { bundleId, bundleObject, bundleTime, metaObject, snapshotObject, snapshotPart } from '../../../../shared/bundle/names.js';
import { END_BYTES, tarHeader } from '../../../../shared/bundle/tar.js';
import { PartNotSound, writeBundle } from '../../../../shared/bundle/write-bundle.js';
import { run } from '../../../../shared/process/index.js';
import { workspace } from '../../../helpers/workspace.js';

const ULID = ulid(Date.parse('2025-11-26T19:41:00.928Z'));
const OBJECT = bundleObject(ULID, 'ie01.site');
const hash = (bytes: Buffer): string => createHash('sha512').update(bytes).digest('hex');

describe('names of bundles', () => {
  it('carry time, host and id, and are read back', () => {
    expect(OBJECT).toBe(`bundles/2025-11/${ULID}.ie01.site.tar`);
    expect(bundleObject(ULID, 'odd host/x')).toBe(`bundles/2025-11/${ULID}.odd_host_x.tar`);
    expect([OBJECT, metaObject(ULID)].map(bundleId)).toEqual([ULID, ULID]);
    expect(bundleTime(metaObject(ULID))).toBe(Date.parse('2025-11-26T19:41:00.928Z'));
    expect(['bundles/x.tar', 'alice-1/b/x.tar', 'meta/2025-11/x.tar'].map(bundleTime)).toEqual([null, null, null]);
    const last = snapshotObject(ULID, 2, true);
    expect(last).toBe(`snapshots/2025-11-26-${ULID}.0002.last.tar.zst`);
    expect(snapshotPart(last)).toMatchObject({ id: `2025-11-26-${ULID}`, part: 2, isLast: true });
    expect(snapshotPart(snapshotObject(ULID, 1, false))).toMatchObject({ part: 1, isLast: false });
    expect(snapshotPart('snapshots/other')).toBeNull();
  });
});

describe('a bundle', () => {
  const contents = new Map([
    ['alice-1/01A/s0001-t1-abcd.1.dar', Buffer.alloc(700, 'a')],
    ['bob-2/01B/empty', Buffer.alloc(0)],
    [`${'deep-'.repeat(20)}/01C/${'long'.repeat(30)}.1.dar`, Buffer.alloc(512, 'c')], // fits neither the name nor the prefix of ustar
  ]);
  const parts = [...contents].map(([name, content]) => ({ name, bytes: content.length, sha512: hash(content) }));

  it('is what stock tar unpacks, with every part where the layout says', async () => {
    const dir = await workspace();
    const layout = layOutBundle(OBJECT, parts);
    const made = await writeBundle(layout, join(dir, 'b.tar'), ({ name }) => contents.get(name) ?? '');
    const bytes = await readFile(join(dir, 'b.tar'));
    expect(made).toEqual({ bytes: layout.bytes, sha512: hash(bytes) });
    for (const { name, offset, bytes: size } of layout.parts) expect(bytes.subarray(offset, offset + size)).toEqual(contents.get(name));
    const listed = await run({ program: 'tar', args: ['-tf', join(dir, 'b.tar')] });
    expect(listed.stdout.toString().trim().split('\n')).toEqual([...contents.keys(), `${OBJECT}.toc`]);
    await run({ program: 'tar', args: ['-xf', join(dir, 'b.tar'), '-C', dir] });
    for (const [name, content] of contents) expect(await readFile(join(dir, name))).toEqual(content);
    expect(await readFile(join(dir, `${OBJECT}.toc`), 'utf8')).toContain(`512\t700\t${parts[0]?.sha512 ?? ''}\talice-1/01A/s0001-t1-abcd.1.dar\n`);
  });

  it('is the same when it is made again', async () => {
    const dir = await workspace();
    const make = (file: string) => writeBundle(layOutBundle(OBJECT, parts), join(dir, file), ({ name }) => contents.get(name) ?? '');
    expect(await make('once')).toEqual(await make('twice'));
  });

  it.each([['gone', null], ['short', Buffer.alloc(699, 'a')], ['long', Buffer.alloc(701, 'a')], ['other', Buffer.alloc(700, 'b')]])('takes no part whose file is %s', async (_, content) => {
    const dir = await workspace();
    const file = join(dir, 'slice');
    if (content !== null) await writeFile(file, content);
    const made = writeBundle(layOutBundle(OBJECT, parts), join(dir, 'b.tar'), ({ name }) => (name.startsWith('alice') ? file : (contents.get(name) ?? '')));
    await expect(made).rejects.toBeInstanceOf(PartNotSound);
    await expect(made).rejects.toMatchObject({ part: { name: parts[0]?.name } });
  });

  it('tells stock tar of more than 8 GiB', async () => {
    const file = join(await workspace(), 'big.tar');
    const entry = { name: 'alice-1/01A/big.1.dar', bytes: 9 * 2 ** 30 + 1 };
    const header = tarHeader(entry, 0);
    const handle = await open(file, 'w');
    await handle.write(header);
    await handle.truncate(header.length + entry.bytes + 511 + END_BYTES); // a hole
    await handle.close();
    const { stdout } = await run({ program: 'tar', args: ['-tvf', file] });
    expect(stdout.toString()).toContain(` ${String(entry.bytes)} 1970-01-01`);
  });
});
