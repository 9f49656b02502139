/** One final answer of an FTP server. */
export interface Reply {
  readonly code: number;
  /** Without the code of the first and the last line; continuation lines as they came. */
  readonly lines: readonly string[];
}

const LAST = /^(\d{3}) (.*)$/s;
const FIRST = /^(\d{3})-(.*)$/s;

/** Puts lines together to answers (RFC 959 4.2). Preliminary ones (1xx) are dropped: what they announce comes. */
export class ReplyReader {
  #code: string | null = null;
  #lines: string[] = [];

  /** The answer that this line completes, or null. */
  take(line: string): Reply | null {
    const last = LAST.exec(line);
    if (last !== null && (this.#code === null || last[1] === this.#code)) return this.#complete(last[1] ?? '', last[2] ?? '');
    const first = this.#code === null ? FIRST.exec(line) : null;
    if (first !== null) this.#code = first[1] ?? null;
    this.#lines.push(first?.[2] ?? line);
    return null;
  }

  #complete(code: string, text: string): Reply | null {
    const lines = [...this.#lines, text];
    this.#lines = [];
    this.#code = null;
    return code.startsWith('1') ? null : { code: Number(code), lines };
  }
}

export function isPositive(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 400;
}

export function textOf(reply: Reply): string {
  return `${reply.code} ${reply.lines.join('\n')}`;
}

/** Whether it says that there is nothing of that name: Globus servers tell in words, the code varies with the command. */
export function saysMissing(reply: Reply): boolean {
  return !isPositive(reply) && /PATH_NOT_FOUND|NOT_A_DIRECTORY|No such file or directory|Not a directory/i.test(textOf(reply));
}
