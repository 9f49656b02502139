/** Value of the sample of `name` that carries all of `labels`; null when there is none. Fails when several do. */
export function sampleOf(text: string, name: string, labels: Readonly<Record<string, string>>): number | null {
  const found = text.split('\n').filter((line) => line.startsWith(`${name}{`) && carries(line, labels));
  if (found.length > 1) throw new Error(`${found.length} samples fit ${name}:\n${found.join('\n')}`);
  const [line] = found;
  return line === undefined ? null : Number(line.slice(line.lastIndexOf(' ') + 1));
}

function carries(line: string, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`));
}
