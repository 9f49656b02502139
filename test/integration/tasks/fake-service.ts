import { BwError } from '../../../shared/errors/bw-error.js';
import type { TransferBackend, TransferHandle, TransferItem, TransferStatus, Verdict } from '../../../shared/transfer/backend.js';

interface ServiceTask {
  readonly key: string;
  readonly items: readonly TransferItem[];
  status: TransferStatus;
}

/** A transfer service in memory that outlives the workers of a test. A task moves when the test says so. */
export class FakeService {
  readonly tasks: ServiceTask[] = [];
  readonly objects = new Set<string>();
  /** What must never be: objects that were submitted while another task had them. */
  readonly twice: string[] = [];
  most = 0;
  keys = 0;

  submit(key: string, items: readonly TransferItem[]): ServiceTask {
    const known = this.find(key);
    if (known !== undefined) return known;
    const alive = new Set(this.alive().flatMap((task) => task.items.map(({ object }) => object)));
    this.twice.push(...items.filter(({ object }) => alive.has(object)).map(({ object }) => object));
    const task: ServiceTask = { key, items, status: { state: 'running', bytes: 0, files: 0 } };
    this.tasks.push(task);
    this.most = Math.max(this.most, this.alive().length);
    return task;
  }

  find(key: string): ServiceTask | undefined {
    return this.tasks.find((task) => task.key === key);
  }

  alive(): ServiceTask[] {
    return this.tasks.filter(({ status }) => !['sent', 'failed', 'cancelled'].includes(status.state));
  }

  /** All that is alive arrives. */
  deliver(): void {
    for (const task of this.alive()) {
      for (const { object } of task.items) this.objects.add(object);
      task.status = { state: 'sent', bytes: task.items.reduce((sum, { bytes }) => sum + bytes, 0), files: task.items.length };
    }
  }

  set(status: Partial<TransferStatus>): void {
    for (const task of this.alive()) task.status = { ...task.status, ...status };
  }
}

/** One worker's way to the service. `call` is around each call: it may cut it off before or after. */
export function fakeBackend(service: FakeService, call: <T>(name: string, effect: () => T) => Promise<T> = (_, effect) => new Promise((resolve) => { resolve(effect()); }), max = 3): TransferBackend {
  const taskOf = (handle: TransferHandle) => {
    const task = service.find(String(handle['task_id']));
    if (task === undefined) throw fault('TRANSFER_IO', 'retry');
    return task;
  };
  const never = (): never => { throw new Error('not in this test'); };
  return {
    name: 'far',
    kind: 'fake',
    tasks: { identity: 'client-1', max },
    capabilities: () => ({ async: true, thirdParty: true, remoteHash: [], rangeResume: false, bandwidthLimit: false, cancel: true, staging: false, directRead: false, verifiedWhenSent: true }),
    probe: () => Promise.resolve({ freeBytes: null }),
    prepare: () => call('prepare', () => `key-${(service.keys += 1)}`),
    submit: (key, items) => call('submit', () => ({ task_id: service.submit(key, items).key })),
    poll: (handle) => call('poll', () => taskOf(handle).status),
    cancel: (handle) => call('cancel', () => { taskOf(handle).status = { ...taskOf(handle).status, state: 'cancelled', proven: [] }; }),
    reconcile: (key) => call('reconcile', () => (service.find(key) === undefined ? null : { task_id: key })),
    verify: (item) => call('verify', (): Verdict => (service.objects.has(item.object) ? 'match' : 'missing')),
    fetch: never,
    localPath: () => null,
    stat: never,
    list: never,
    stage: never,
    remove: never,
    replace: never,
  };
}

export function fault(code: string, retry: 'retry' | 'permanent' | 'operator', subject?: string): BwError {
  return new BwError(code, { message: `fake service: ${code}`, retry, hint: 'This is a test.', ...(subject === undefined ? {} : { subject }) });
}
