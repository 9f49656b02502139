import { expect, it } from 'vitest';
import { bytePath, type BytePath } from '../../../../../shared/paths/byte-path.js';
import { raiseRemovals } from '../../../../../worker/jobs/shard/raise-removals.js';
import type { TakenAway } from '../../../../../worker/jobs/shard/removals-archive.js';
import { inOrder, makeDirectory, makeRecord } from '../../../shared/index/make-record.js';

const gone = (path: string): TakenAway => ({ what: 'path', path: bytePath.of(path) });
const cleared = (path: string): TakenAway => ({ what: 'attributes', type: 'f', path: bytePath.of(path) });

it('leaves what lies in directories, or in nothing that is listed, as it is', async () => {
  const takenAway = [gone('top'), gone('dir/a'), gone('dir/deeper/b'), gone('unknown/c'), cleared('dir/d')];
  expect(await raiseRemovals(takenAway, inOrder([makeDirectory('dir'), makeDirectory('dir/deeper'), makeRecord('dir/d')]), new Set())).toEqual(takenAway);
});

it('takes away what stands above instead, the topmost, once, and no attributes of it', async () => {
  const lists = (): ReturnType<typeof inOrder> => inOrder([makeRecord('link', { type: 'l' }), makeDirectory('dir'), makeRecord('dir/file'), makeRecord('dir/other')]);
  const raised = new Set<BytePath>();
  expect(await raiseRemovals([gone('link/a'), gone('link/b/c'), gone('dir/file/x'), gone('dir/y'), cleared('dir/file')], lists(), raised)).toEqual([gone('link'), gone('dir/file'), gone('dir/y')]);
  expect(await raiseRemovals([gone('link/d'), gone('dir/z'), cleared('dir/file'), cleared('dir/other')], lists(), raised)).toEqual([gone('dir/z'), cleared('dir/other')]);
  expect(await raiseRemovals([cleared('dir/file'), cleared('dir/other')], lists(), raised)).toEqual([cleared('dir/other')]);
});
