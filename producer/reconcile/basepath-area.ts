import type { Manifest } from '../../shared/catalog/index.js';
import { copyOrders } from '../../shared/copies/copy-jobs.js';
import { orderCopy } from '../../shared/copies/order.js';
import { DeadLetters } from '../../shared/dead-letters/dead-letters.js';
import type { DeadLetter } from '../../shared/dead-letters/dead-letter.js';
import type { Area, Decision } from '../../shared/reconcile/walk.js';
import { failuresOfAll, replaceFailure } from '../../shared/runs/failures.js';
import { keptForMs, stopKeeping } from '../../shared/runs/kept.js';
import { newestOf, refreshNewest } from '../../shared/runs/newest.js';
import { orderSweeps } from '../../shared/runs/order-sweeps.js';
import type { Run } from '../../shared/runs/run-store.js';
import type { TransferBackend } from '../../shared/transfer/backend.js';
import { inFlightOf } from '../scheduler/in-flight.js';
import { decideBasepath, type BasepathAct, type BasepathFacts, type JournalFacts, type Stored } from './decide-basepath.js';
import { finishSeal } from './finish-seal.js';
import { journalFactsOf } from './journal-facts.js';
import { isOpen, type ReconcileParts } from './parts.js';
import { isSweepPending, newSweep } from './sweeps.js';

/** Basepaths, each against catalog, journal, Redis' index and, with `backends`, long-term storage. Given ids only: the journal is read once for all of them. */
export class BasepathArea implements Area<BasepathFacts, BasepathAct> {
  #journal: ReadonlyMap<string, JournalFacts> = new Map();
  #letters: readonly DeadLetter[] = [];
  #running: readonly Run[] = [];
  #copying: ReadonlySet<string> = new Set();

  constructor(
    private readonly parts: ReconcileParts,
    private readonly ids: readonly string[],
    private readonly backends: readonly TransferBackend[] | null,
  ) {}

  async *units(): AsyncGenerator<string> {
    if (this.ids.length === 0) return;
    this.#journal = await journalFactsOf(this.parts.catalog.journalDir, new Set(this.ids));
    this.#letters = await new DeadLetters(this.parts.queues).all();
    this.#running = await this.parts.runs.running();
    this.#copying = await copiesUnderWay(this.parts.queues);
    for (const backend of this.backends ?? []) await backend.probe(); // it may have gone since the round began: see allAnswer
    yield* this.ids;
  }

  async observe(basepathId: string, again: boolean): Promise<BasepathFacts | null> {
    const { catalog, queues, runs, config, now } = this.parts;
    // Before objects are listed: those of a backup that ends meanwhile are not taken for leftovers.
    const running = (again || this.backends !== null ? await runs.running() : this.#running).filter((run) => run.basepathId === basepathId && isOpen(run));
    // Before the journal is read: what ends after this look is not taken for something that was never told.
    const flying = (await inFlightOf(queues, [basepathId])).get(basepathId) ?? { full: null, other: null };
    const journal = again ? (await journalFactsOf(catalog.journalDir, new Set([basepathId]))).get(basepathId) : this.#journal.get(basepathId);
    if (journal === undefined) return null;
    const letters = again ? await new DeadLetters(queues).all() : this.#letters;
    const manifests: Manifest[] = [];
    const unusable: { backupId: string; problem: string }[] = [];
    for await (const listed of catalog.listBackups({ basepathId })) {
      if (listed.ok) manifests.push(listed.manifest);
      else unusable.push({ backupId: listed.backupId, problem: `${listed.error.code}: ${listed.error.message}` });
    }
    const buried = new Set<string>();
    for await (const { backupId } of catalog.listRemoved({ basepathId })) buried.add(backupId);
    const stored = this.backends === null ? null : await storedOf(this.backends, basepathId);
    return {
      basepathId,
      nowMs: now().getTime(),
      manifests,
      unusable,
      buried,
      indexed: await newestOf(runs.redis, basepathId),
      journal,
      failures: (await failuresOfAll(runs.redis, [basepathId])).get(basepathId) ?? null,
      letters: letters.filter((letter) => letter.basepathId === basepathId),
      inFlight: flying.full !== null || flying.other !== null || running.length > 0,
      openRuns: new Set(running.map(({ id }) => id)),
      sweeping: await this.#sweepingOf(stored ?? []),
      stored,
      ltsNames: config.lts.map(({ name }) => name),
      copying: again ? await copiesUnderWay(queues) : this.#copying,
    };
  }

  decide(facts: BasepathFacts): Decision<BasepathAct>[] {
    return decideBasepath(facts);
  }

  async act(act: BasepathAct, basepathId: string): Promise<void> {
    const { catalog, queues, runs, journal, logger, now } = this.parts;
    await catalog.assertThere();
    switch (act.act) {
      case 'refresh-index':
        await refreshNewest(runs.redis, catalog, basepathId, (error) => { logger.warn({ err: error }, 'manifest not usable'); });
        return;
      case 'journal':
        return journal.appendAll(act.records);
      case 'set-failures':
        return replaceFailure(runs.redis, basepathId, act.from, act.to);
      case 'remove-letter':
        await new DeadLetters(queues).remove([act.runId]);
        return stopKeeping(queues, runs, [act.runId]);
      case 'add-letter':
        return new DeadLetters(queues).add(act.letter);
      case 'finish-seal':
        await finishSeal(this.parts, this.backends ?? [], basepathId, act.backupId);
        return;
      case 'copy':
        await orderCopy(queues, { basepathId, backupId: act.backupId, lts: act.lts, repair: false });
        return;
      case 'sweep':
        return orderSweeps(queues, runs, { backupId: act.backupId, basepathId }, newSweep(now()));
    }
  }

  async #sweepingOf(stored: readonly Stored[]): Promise<Set<string>> {
    const pending = new Set<string>();
    for (const backupId of new Set(stored.map((each) => each.backupId))) {
      const kept = keptForMs(await this.parts.runs.read(backupId), this.parts.now().getTime()) > 0;
      if (kept || (await isSweepPending(this.parts.queues, backupId, this.parts.now()))) pending.add(backupId);
    }
    return pending;
  }
}

/** `BACKUP LTS` of those that wait, are parked or run. */
async function copiesUnderWay(queues: ReconcileParts['queues']): Promise<Set<string>> {
  return new Set((await copyOrders(queues)).filter(({ state }) => state !== 'failed').map(({ backupId, lts }) => `${backupId} ${lts}`));
}

/** Objects of a basepath by LTS and backup. What is not in a backup's directory is nobody's: the walk over all of an LTS tells it. */
async function storedOf(backends: readonly TransferBackend[], basepathId: string): Promise<Stored[]> {
  const found = new Map<string, { lts: string; backupId: string; objects: Map<string, number> }>();
  for (const { name: lts, list } of backends.map((backend) => ({ name: backend.name, list: () => backend.list(basepathId) }))) {
    for await (const { object, bytes } of list()) {
      const [, backupId = '', name] = object.split('/');
      if (name === undefined) continue;
      const key = `${lts} ${backupId}`;
      const own = found.get(key) ?? { lts, backupId, objects: new Map<string, number>() };
      own.objects.set(object, bytes);
      found.set(key, own);
    }
  }
  return [...found.values()];
}
