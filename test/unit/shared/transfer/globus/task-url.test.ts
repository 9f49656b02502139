import { expect, it } from 'vitest';
import { taskUrl } from '../../../../../shared/transfer/globus/task-url.js';

it('a task has a page in the web app, unless the service is another one', () => {
  expect(taskUrl('https://transfer.api.globus.org', '1-2')).toBe('https://app.globus.org/activity/1-2');
  expect(taskUrl('http://127.0.0.1:4000', '1-2')).toBeNull();
  expect(taskUrl('https://notglobus.org', '1-2')).toBeNull();
});
