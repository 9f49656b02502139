import { expect, it } from 'vitest';
import { startService } from '../../../bin/start-local.js';
import { openSession, type Session, type StartLocal } from '../../../producer/cli/session.js';
import { openSite } from '../../../producer/cli/site.js';
import type { Door } from '../../../shared/redis/embedded.js';
import { cliSite, type CliSite } from './cli-site.js';

/** What a command opens on a host without a Redis. `watch`: around the door of the server that it starts. */
async function commandOn(site: CliSite, watch: (door: Door) => Partial<Door> = () => ({})): Promise<Session> {
  const options = { config: site.configFile };
  const start: StartLocal = async (...args) => {
    const service = await startService(...args);
    return { ...service, door: { ...service.door, ...watch(service.door) } };
  };
  return openSession(await openSite(options, { directories: 'stores', component: 'cli' }), options, start, 'redis');
}

it('a command that comes when the one with the private Redis is about to end has its own', async () => {
  const site = await cliSite();
  const late: Promise<Session>[] = [];
  const owner = await commandOn(site, (door) => ({
    shut: async () => {
      await door.shut();
      late.push(commandOn(site));
    },
  }));
  await owner.close();
  const [session] = await Promise.all(late);
  if (session === undefined) return expect.unreachable();
  expect([owner.local, session.local, await session.queues.redis.ping()]).toEqual([true, true, 'PONG']);
  await session.close();
});

it('one that was connected before is served until it has ended; another one that comes then, too', async () => {
  const site = await cliSite();
  const guests: Session[] = [];
  let opened: (() => void) | undefined;
  const open = new Promise<void>((resolve) => { opened = resolve; });
  const owner = await commandOn(site, (door) => ({
    shut: async () => {
      if (guests.length === 0) guests.push(await commandOn(site)); // between the last look and this
      await door.shut();
    },
    open: async () => {
      await door.open();
      opened?.();
    },
  }));
  const closing = owner.close();
  await open;
  guests.push(await commandOn(site));
  for (const guest of guests) {
    expect([guest.local, await guest.queues.redis.ping()]).toEqual([false, 'PONG']);
    await guest.close();
  }
  await closing;
});
