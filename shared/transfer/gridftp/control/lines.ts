/** Cuts a byte stream into lines (latin1, so that bytes stay bytes) without their ends. */
export class LineSplitter {
  #rest = '';

  take(chunk: Uint8Array): string[] {
    const lines = (this.#rest + Buffer.from(chunk).toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  }
}
