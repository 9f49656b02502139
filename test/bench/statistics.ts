/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The element whose key is nearest to the median of all keys. */
export function middleOf<T>(values: readonly T[], key: (value: T) => number): T | undefined {
  const target = median(values.map(key));
  return [...values].sort((a, b) => Math.abs(key(a) - target) - Math.abs(key(b) - target))[0];
}
