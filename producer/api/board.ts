import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Queue } from 'bullmq';
import type { Express } from 'express';
import { boardGate } from './board-gate.js';
import { maskSecrets } from './mask-secrets.js';
import { offlinePage } from './offline-page.js';

export interface BoardOptions {
  readonly queues: readonly Queue[];
  readonly token: string;
  readonly readOnly: boolean;
  /** Milliseconds since the epoch; injected by tests. */
  readonly now?: () => number;
}

export interface Board {
  /** Shows exactly these queues from now on (transfer queues come with their hosts). */
  setQueues(queues: readonly Queue[]): void;
}

export const BOARD_PATH = '/queues';

/**
 * Not even a writable board has these: the data it shows is masked and would be written back so, and jobs
 * have deterministic ids and checked data that only our own code makes.
 */
const NEVER = new Set(['/api/queues/:queueName/add', '/api/queues/:queueName/:jobId/update-data']);

/**
 * Puts bull-board below /queues: behind the token, without anything from other hosts, secrets masked, and
 * read-only unless told otherwise. For startHttpServer's `extend`.
 */
export function mountBoard(app: Express, { queues, token, readOnly, now = Date.now }: BoardOptions): Board {
  const adapter = new ExpressAdapter().setBasePath(BOARD_PATH);
  const shown = (queue: Queue): BullMQAdapter => new BullMQAdapter(queue, { readOnlyMode: readOnly, allowRetries: !readOnly });
  const board = createBullBoard({
    queues: queues.map(shown),
    serverAdapter: adapter,
    options: {
      // CLIENT LIST per queue and poll: with two queues per host too much for what it shows.
      uiConfig: { boardTitle: 'bw-bkup queues', hideDocsLink: true, showWorkers: false },
      handlerHooks: {
        before: ({ route }) => (NEVER.has(route) ? { allow: false, status: 403 } : undefined),
        after: (_context, result) => ({ ...result, body: maskSecrets(result.body) as typeof result.body }),
      },
    },
  });
  const pages = adapter.getRouter() as Express;
  pages.disable('x-powered-by');
  app.use(BOARD_PATH, boardGate({ token, basePath: BOARD_PATH, readOnly, now }), offlinePage, pages);
  return {
    setQueues: (next) => {
      board.replaceQueues(next.map(shown));
    },
  };
}
