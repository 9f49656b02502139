import { expect, it } from 'vitest';
import { toBwError } from '../../../../shared/errors/bw-error.js';

it.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", 'REDIS_FULL', 'retry'],
  ["ERR Error running script (call to f_1): @user_script:1: OOM command not allowed when used memory > 'maxmemory'.", 'REDIS_FULL', 'retry'],
  ['WRONGPASS invalid username-password pair or user is disabled.', 'REDIS_REFUSED', 'operator'],
  ['NOAUTH Authentication required.', 'REDIS_REFUSED', 'operator'],
  ["NOPERM this user has no permissions to run the 'info' command", 'REDIS_REFUSED', 'operator'],
  ['LOADING Redis is loading the dataset in memory', 'REDIS_UNREACHABLE', 'retry'],
  ['Command timed out', 'REDIS_UNREACHABLE', 'retry'],
  ['Connection is closed.', 'REDIS_UNREACHABLE', 'retry'],
  ['Reached the max retries per request limit (which is 1). Refer to "maxRetriesPerRequest" option for details.', 'REDIS_UNREACHABLE', 'retry'],
  ['something else', 'UNEXPECTED', 'retry'],
])('"%s" is %s (%s)', (message, code, retry) => {
  expect(toBwError(new Error(message))).toMatchObject({ code, retry, cause: { message } });
});
