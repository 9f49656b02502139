import { describe, expect, it } from 'vitest';
import { Brake } from '../../../../worker/supervise/brake.js';

describe('a brake', () => {
  it('stops while any reason holds, each told once', () => {
    const brake = new Brake();
    const { child, said } = fakeChild();
    brake.attach(child);
    brake.hold('staging');
    brake.hold('source');
    brake.hold('source');
    brake.release('staging');
    expect(said).toEqual(['S']);
    expect(brake.reasons).toEqual(['source']);
    brake.release('staging');
    brake.release('source');
    brake.release('source');
    expect(said).toEqual(['S', 'C']);
    expect(brake.isHeld).toBe(false);
  });

  it('stops what is attached while it is held, and lets go what is taken off', () => {
    const brake = new Brake();
    const [early, late] = [fakeChild(), fakeChild()];
    const detach = brake.attach(early.child);
    brake.hold('staging');
    brake.attach(late.child);
    detach();
    detach();
    brake.release('staging');
    expect(early.said).toEqual(['S', 'C']);
    expect(late.said).toEqual(['S', 'C']);
  });

  it('counts how long it has been held, overlapping reasons once', () => {
    let now = 0;
    const brake = new Brake(() => now);
    brake.hold('a');
    now = 10;
    brake.hold('b');
    now = 30;
    brake.release('a');
    expect(brake.heldMs).toBe(30);
    now = 40;
    brake.release('b');
    now = 100;
    expect(brake.heldMs).toBe(40);
    brake.hold('a');
    now = 105;
    expect(brake.heldMs).toBe(45);
  });

  it('holds others', () => {
    const [all, one] = [new Brake(), new Brake()];
    const { child, said } = fakeChild();
    one.attach(child);
    all.attach({ pause: () => { one.hold('all'); }, resume: () => { one.release('all'); } });
    all.hold('source');
    one.hold('staging');
    all.release('source');
    expect(said).toEqual(['S']);
    one.release('staging');
    expect(said).toEqual(['S', 'C']);
  });
});

function fakeChild(): { child: { pause: () => void; resume: () => void }; said: string[] } {
  const said: string[] = [];
  return { said, child: { pause: () => { said.push('S'); }, resume: () => { said.push('C'); } } };
}
