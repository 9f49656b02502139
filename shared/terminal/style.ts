/** What a colour says, not which one it is. */
export type Tone = 'good' | 'warning' | 'bad' | 'dim' | 'strong';

const CODES: Readonly<Record<Tone, readonly [number, number]>> = {
  good: [32, 39],
  warning: [33, 39],
  bad: [31, 39],
  dim: [2, 22],
  strong: [1, 22],
};

export type Paint = (tone: Tone, text: string) => string;

/** Leaves text as it is. */
export const plain: Paint = (_tone, text) => text;

/** Colours only for a terminal, and not where NO_COLOR is set to anything or TERM is `dumb`. */
export function paintFor(isTty: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  if (!isTty || refused) return plain;
  return (tone, text) => `\x1b[${CODES[tone][0]}m${text}\x1b[${CODES[tone][1]}m`;
}

/**
 * Columns a text takes on a terminal: colour codes and combining marks take none, East Asian wide characters and
 * emoji two. Close enough for tables of paths and names; no table of Unicode widths is carried for it.
 */
export function displayWidth(text: string): number {
  const visible = text.replace(/\x1b\[[0-9;]*m/g, '').replace(/[\p{Mn}\p{Me}\u200b-\u200f\ufe0e\ufe0f]/gu, '');
  let width = 0;
  for (const character of visible) width += WIDE.test(character) ? 2 : 1;
  return width;
}

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
