import { randomUUID } from 'node:crypto';
import { CLIENT } from '../../helpers/globus-simulator.js';

export type Json = Record<string, unknown>;

export interface Reply {
  readonly status: number;
  readonly body: Json;
  readonly headers: Headers;
}

/** The simplest client there can be: calls, and what came back. */
export class PlainClient {
  token = '';

  constructor(readonly url: string) {}

  async login(scope = 'urn:globus:auth:scope:transfer.api.globus.org:all', secret: string = CLIENT.secret): Promise<Reply> {
    const authorization = `Basic ${Buffer.from(`${CLIENT.id}:${secret}`).toString('base64')}`;
    const response = await fetch(`${this.url}/v2/oauth2/token`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }).toString(),
    });
    const body = (await response.json()) as Json;
    if (typeof body['access_token'] === 'string') this.token = body['access_token'];
    return { status: response.status, body, headers: response.headers };
  }

  async call(method: string, path: string, body?: Json): Promise<Reply> {
    const response = await fetch(`${this.url}/v0.10${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Json, headers: response.headers };
  }

  get(path: string): Promise<Reply> {
    return this.call('GET', path);
  }

  post(path: string, body: Json = {}): Promise<Reply> {
    return this.call('POST', path, body);
  }

  /** Until the task has ended; its document. */
  async ended(task: unknown): Promise<Json> {
    for (;;) {
      const { body } = await this.get(`/task/${String(task)}`);
      if (body['status'] === 'SUCCEEDED' || body['status'] === 'FAILED') return body;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Until an event of this code is there; it. */
  async event(task: unknown, code: string): Promise<Json> {
    for (;;) {
      const { body } = await this.get(`/task/${String(task)}/event_list?limit=1000`);
      const found = (body['DATA'] as Json[]).find((event) => event['code'] === code);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** A transfer of these [from, to] pairs, with the switches a careful client sets. */
export function transfer(from: { id: string }, to: { id: string }, pairs: readonly (readonly [string, string])[], more: Json = {}): Json {
  return {
    DATA_TYPE: 'transfer', submission_id: randomUUID(), source_endpoint: from.id, destination_endpoint: to.id, verify_checksum: true,
    DATA: pairs.map(([source_path, destination_path]) => ({ DATA_TYPE: 'transfer_item', source_path, destination_path })),
    ...more,
  };
}
