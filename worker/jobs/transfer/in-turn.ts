const last = new Map<string, Promise<unknown>>();

/** Work of the same name in this process, one after the other; a failure is the caller's own and stops nobody. */
export async function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = last.get(name) ?? Promise.resolve();
  const own = before.then(work, work);
  last.set(name, own);
  try {
    return await own;
  } finally {
    if (last.get(name) === own) last.delete(name);
  }
}
