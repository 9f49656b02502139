import type { Queue } from 'bullmq';
import { mountBoard, type Board, type BoardOptions } from '../../../producer/api/index.js';
import { serve, type TestServer } from '../../unit/shared/http/server.js';

export const TOKEN = 'f0'.repeat(32);
export const BEARER = { authorization: `Bearer ${TOKEN}` } as const;

/** The producer's HTTP server with a board of these queues. */
export async function serveBoard(queues: readonly Queue[], options: Partial<BoardOptions> = {}): Promise<TestServer & { board: Board }> {
  let board: Board | undefined;
  const server = await serve({
    extend: (app) => {
      board = mountBoard(app, { queues, token: TOKEN, readOnly: true, ...options });
    },
  });
  if (board === undefined) throw new Error('extend was not called');
  return { ...server, board };
}
