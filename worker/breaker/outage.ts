import { BwError } from '../../shared/errors/bw-error.js';

/** Thrown by a job that would need an LTS which is known to be out: it is parked. */
export function outage(lts: string): BwError {
  return new BwError('OUTAGE', {
    message: 'it needs something that is out, and waits until that is over',
    subject: lts,
    lts,
    retry: 'retry',
    hint: 'Nothing is lost and no attempt is spent. What to do about the outage: bw-bkup breaker list.',
  });
}
