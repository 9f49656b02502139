/** Whether a code is of what an operator stopped himself: he knows, so it is no alarm. */
export function isCancelled(code: string): boolean {
  return code === 'CANCELLED' || code.endsWith('_CANCELLED');
}
