/** One collection of the simulated service: a directory that stands for it. */
export interface CollectionOptions {
  /** UUID. */
  readonly id: string;
  /** Absolute; `/` of the collection. */
  readonly dir: string;
  readonly displayName?: string;
  /** A mapped collection that is not high-assurance asks for the data_access consent. Default: a guest collection, as a service account uses it. */
  readonly entityType?: 'GCSv5_guest_collection' | 'GCSv5_mapped_collection';
  readonly highAssurance?: boolean;
  readonly forceVerify?: boolean;
  readonly disableVerify?: boolean;
}

export interface ClientOptions {
  /** UUID: the client id of a service account. */
  readonly id: string;
  readonly secret: string;
}

export interface SimulatorOptions {
  /** Directory of its state; a simulator started again on it goes on where the last one stopped, also after SIGKILL. */
  readonly stateDir: string;
  readonly clients: readonly ClientOptions[];
  readonly collections: readonly CollectionOptions[];
  /** Default 0: any free one. */
  readonly port?: number;
  /** Milliseconds since 1970. Default: the machine's clock plus what was advanced. */
  readonly now?: () => number;
  /** Answered with 429 above it, metered over 10 s. Default 20, as the service. */
  readonly requestsPerSecond?: number;
  /** Pause between two tries of an item that failed, real milliseconds. The service takes minutes; default 200. */
  readonly retryMs?: number;
  /** `expires_in` of tokens. Default 172800, as the service. */
  readonly tokenSeconds?: number;
  /** Makes the tokens: for tests that look for one. Default: random. */
  readonly makeToken?: () => string;
  /** What counts as the same transfer for the 409: the same list of pairs, or one pair in common (default: it asks more of a client). Not known of the service. */
  readonly identicalPaths?: 'same-list' | 'any-pair';
}
