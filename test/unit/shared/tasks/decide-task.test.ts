import { describe, expect, it } from 'vitest';
import { afterFailure, isSubmitHopeless, mayDrive, pauseMs, stateOf, whyCancel } from '../../../../shared/tasks/decide-task.js';

describe('who looks after a task', () => {
  const facts = { ownHost: 'a', self: 'me', holder: null, hostIsGone: false };
  it.each([
    ['its own host, when nobody does', { host: 'a' }, facts, true],
    ['who holds it', { host: 'b' }, { ...facts, holder: 'me' }, true],
    ['not while another process does', { host: 'a' }, { ...facts, holder: 'other' }, false],
    ['not one of another host', { host: 'b' }, facts, false],
    ['but of one that is gone', { host: 'b' }, { ...facts, hostIsGone: true }, true],
    ['unless somebody does already', { host: 'b' }, { ...facts, hostIsGone: true, holder: 'other' }, false],
  ])('%s', (_, task, about, expected) => {
    expect(mayDrive(task, about)).toBe(expected);
  });
});

it('what is over at the service is no state of a task that goes on', () => {
  expect((['queued', 'running', 'stalled', 'paused', 'needs-operator', 'sent', 'failed', 'cancelled'] as const).map((state) => stateOf({ state }))).toEqual(['queued', 'running', 'stalled', 'paused', 'needs-operator', null, null, null]);
});

describe('a task is cancelled', () => {
  const fine = { state: 'running' as const, hasError: false, unwanted: 0, hostIsGone: false, isWished: false };
  it.each([
    ['not while all is well, whoever wants it', { ...fine, unwanted: 3, hostIsGone: true }, null],
    ['not for trouble alone', { ...fine, hasError: true }, null],
    ['for files that are gone, as their backup is', { ...fine, hasError: true, unwanted: 1 }, 'abandoned'],
    ['for trouble that nobody can mend at its host', { ...fine, state: 'paused' as const, hostIsGone: true }, 'host-gone'],
    ['when an operator wishes it, although all is well', { ...fine, isWished: true }, 'operator'],
    ['not while an operator can mend it', { ...fine, state: 'needs-operator' as const }, null],
  ])('%s', (_, facts, expected) => {
    expect(whyCancel(facts)).toBe(expected);
  });
});

describe('an item that a task did not bring', () => {
  const error = { code: 'TRANSFER_FAILED', message: 'm', retry: 'retry' as const, hint: 'h' };
  const objects = new Set(['a', 'b']);
  it.each([
    ['goes again when it is another one\'s fault', { object: 'a', tries: 0 }, { ...error, subject: 'b' }, 'again'],
    ['is told when it is its own', { object: 'b', tries: 0 }, { ...error, subject: 'b' }, 'error'],
    ['is told when nobody is named', { object: 'a', tries: 0 }, error, 'error'],
    ['is told when somebody else is named', { object: 'a', tries: 0 }, { ...error, subject: 'endpoint' }, 'error'],
    ['goes again when the task was taken back', { object: 'a', tries: 4 }, { ...error, code: 'TRANSFER_ABORTED' }, 'again'],
    ['is told in the end', { object: 'a', tries: 5 }, { ...error, subject: 'b' }, 'error'],
  ] as const)('%s', (_, item, about, expected) => {
    expect(afterFailure(item, objects, about)).toBe(expected);
  });

  it('of a task that an operator cancelled goes again, whatever had held that up and however often; what nothing mends is told', () => {
    expect([{ ...error, code: 'TRANSFER_ABORTED' }, { ...error, retry: 'operator' as const }, { ...error, subject: 'a' }].map((about) => afterFailure({ object: 'a', tries: 9 }, objects, about, true))).toEqual(['again', 'again', 'again']);
    expect(afterFailure({ object: 'a', tries: 0 }, objects, { ...error, retry: 'permanent', subject: 'a' }, true)).toBe('error');
  });
});

it('a submit is given up when asking again mends nothing, or has not for minutes', () => {
  expect([isSubmitHopeless({ retry: 'permanent' }, 1), isSubmitHopeless({ retry: 'operator' }, 1), isSubmitHopeless({ retry: 'retry' }, 7), isSubmitHopeless({ retry: 'retry' }, 8)]).toEqual([true, true, false, true]);
});

it('a service that does not answer is asked less and less often, to a bound', () => {
  expect([0, 1, 2, 3, 4, 60].map((failures) => pauseMs(5, failures))).toEqual([5, 10, 20, 40, 60, 60]);
});
