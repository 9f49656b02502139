import { Context } from './context.js';
import type { SimulatorOptions } from './options.js';
import { isFinished, type TaskRecord } from './records.js';
import { Scheduler } from './scheduler.js';
import { ApiServer, type SeenRequest } from './server.js';
import { Store } from './store.js';
import { Command, Switches } from './switches.js';

export interface GlobusSimulator {
  /** `http://127.0.0.1:PORT`: Auth and Transfer are both there, at `/v2/oauth2/token` and `/v0.10`. */
  readonly url: string;
  /** Does what a test says; also as `POST /control` with the same as JSON. */
  control(command: Command): void;
  /** Of the service itself, in the order of submission: what happened, whatever was answered. */
  tasks(): readonly TaskRecord[];
  /** Every call but those of control, since the start. */
  requests(): readonly SeenRequest[];
  close(): Promise<void>;
}

/** Starts the simulated service in this process (as a process of its own: main.ts). */
export async function startGlobusSimulator(options: SimulatorOptions): Promise<GlobusSimulator> {
  const store = new Store(options.stateDir);
  const switches = new Switches();
  const context = new Context(options, store, switches);
  const scheduler = new Scheduler(context);
  const control = (command: Command): void => {
    apply(context, scheduler, Command.parse(command));
    scheduler.tick();
  };
  const seen: SeenRequest[] = [];
  const server = new ApiServer(context, scheduler, seen, (body) => {
    if (body !== null) control(body as Command);
    return { tasks: [...store.tasks.values()], requests: seen };
  });
  const port = await server.listen(options.port ?? 0);
  scheduler.tick();
  return {
    url: `http://127.0.0.1:${port}`,
    control,
    tasks: () => [...store.tasks.values()],
    requests: () => seen,
    close: async () => {
      await scheduler.close();
      await server.close();
      store.close();
    },
  };
}

function apply(context: Context, scheduler: Scheduler, command: ReturnType<typeof Command.parse>): void {
  const { switches, store } = context;
  switch (command.do) {
    case 'fault': switches.faults.push(command); break;
    case 'clear-faults': switches.faults = []; break;
    case 'freeze': switches.frozen = command.on ? (command.only === undefined ? ['TRANSFER', 'DELETE'] : [command.only]) : []; break;
    case 'flip-bit': switches.flipBits = command.times; break;
    case 'cut-copy':
      switches.cutCopies = command.times;
      switches.cutSilently = command.silent;
      break;
    case 'path-error': switches.pathErrors.push(command); break;
    case 'clear-path-errors': switches.pathErrors = []; break;
    case 'collection': switches.setCollection(context.collection(command.id).id, command.state); break;
    case 'advance-clock': switches.clockOffset += command.ms; break;
    case 'cancel-mode':
      switches.cancelMode = command.mode;
      if (command.mode === 'normal') scheduler.cancelHeld();
      break;
    case 'expire-tokens':
      for (const token of store.tokens.values()) store.commit({ t: 'token', token: { ...token, expires: 0 } });
      break;
    case 'admin-cancel': {
      const task = store.tasks.get(command.task);
      if (task !== undefined && !isFinished(task)) scheduler.cancel(task, command.message, { code: 'CANCELED_BY_ADMIN', description: command.message });
    }
  }
}
