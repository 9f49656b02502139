import { realDisk, type Disk } from '../../../../shared/catalog/index.js';

export interface FaultyDisk {
  readonly disk: Disk;
  /** `operation last-argument` of every step that took effect. */
  readonly steps: string[];
  /** Whether the fault was reached. */
  hit: boolean;
}

/**
 * The real disk with a fault at step `at` (from 1). crash: nothing has an effect any more from there on, as if the process
 * had died · error: that one step fails with EIO.
 */
export function faultyDisk(at: number, fault: 'crash' | 'error'): FaultyDisk {
  const state: FaultyDisk = { disk: realDisk, steps: [], hit: false };
  let step = 0;
  const guarded = <A extends readonly unknown[], R>(name: string, act: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
    step += 1;
    if (step === at || (state.hit && fault === 'crash')) {
      state.hit = true;
      throw Object.assign(new Error(`${fault} at step ${at}: ${name}`), { code: 'EIO' });
    }
    const result = await act(...args);
    state.steps.push(`${name} ${args.filter((arg) => typeof arg === 'string').join(' ')}`);
    return result;
  };
  const disk: Disk = {
    makeDir: guarded('makeDir', realDisk.makeDir),
    writeNew: guarded('writeNew', realDisk.writeNew),
    copyNew: guarded('copyNew', realDisk.copyNew),
    syncFile: guarded('syncFile', realDisk.syncFile),
    syncDir: guarded('syncDir', realDisk.syncDir),
    link: guarded('link', realDisk.link),
    rename: guarded('rename', realDisk.rename),
    unlink: guarded('unlink', realDisk.unlink),
    removeDir: guarded('removeDir', realDisk.removeDir),
  };
  return Object.assign(state, { disk });
}

/** Records the steps, fails none. */
export function tracedDisk(): FaultyDisk {
  return faultyDisk(0, 'error');
}
