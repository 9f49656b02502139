import { describe, expect, it } from 'vitest';
import { othersWait } from '../../../../producer/cli/finish-for-others.js';

// As redis 7.0 prints it, shortened.
const LIST = `id=3 addr=/s/redis.sock:0 laddr=/s/redis.sock:0 fd=8 name=bw-bkup-command age=4 idle=0 flags=U db=0 user=default
id=4 addr=/s/redis.sock:0 fd=9 name={bw}:YmFja3Vw age=4 flags=b user=default
id=5 addr=/s/redis.sock:0 fd=10 name= age=4 flags=U user=default
`;

describe('other commands at a private Redis', () => {
  it('are those of the name that are not us', () => {
    expect(othersWait(LIST, 3)).toBe(false);
    expect(othersWait(LIST, 4)).toBe(true);
    expect(othersWait(LIST.replace('name=bw-bkup-command', 'name=other'), 9)).toBe(false);
    expect(othersWait('', 1)).toBe(false);
  });
});
