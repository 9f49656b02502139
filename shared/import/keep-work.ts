import { utimes } from 'node:fs/promises';

/** Work that nobody has touched for a day, and no attempt on record explains, is taken for left behind (producer/reconcile/work-area.ts). */
const TOUCH_EVERY_MS = 600_000;

/** Does something that may take days while `dir`, a directory of the work area, stays in use. */
export async function keepingWork<T>(dir: string, work: () => Promise<T>, everyMs = TOUCH_EVERY_MS): Promise<T> {
  const touch = (): void => {
    const now = new Date();
    utimes(dir, now, now).catch(() => undefined); // the seal meets what is wrong there, and tells it
  };
  const timer = setInterval(touch, everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
