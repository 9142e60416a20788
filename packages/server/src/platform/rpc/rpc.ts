/**
 * The rpc port: requests to any process that serves a subject, and notifications to all processes. A subject is dot-separated
 * words; in the subject of a server, a trailing `>` matches one or more words.
 */
export interface Rpc {
  /**
   * Resolves with the answer of one process that serves `subject`. Rejects with `NoResponders` if there is none: nothing has
   * been done. Rejects with `OutcomeUnknown` if no answer came within `timeoutMs` or the serving process ended: it may have
   * been done. Rejects with `Unavailable` if the request could not be sent.
   */
  request(subject: string, body: Uint8Array, options: { readonly timeoutMs: number }): Promise<Reply>;
  /** Answers requests, load-balanced with the other processes that serve `subject` as the same `group`. */
  serve(subject: string, group: string, handler: Handler): Promise<Serving>;
  /** Notifies every process that listens, this one included. At most once: does not wait, and may reach no process. */
  notify(subject: string): void;
  listen(subject: string, listener: () => void): Promise<void>;
  /** Rejects when no request can be sent. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface Reply {
  readonly body: Uint8Array;
  /** Short texts in addition to the body, set by the answering process. */
  readonly headers: Headers;
}

export type Headers = Readonly<Record<string, string>>;

/** Must answer even if it fails: a rejection is a bug, and the requester runs into its time limit. */
export type Handler = (request: Request) => Reply | Promise<Reply>;

export interface Request {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Whether a process of this installation sent it. False for any other publisher to the subject. */
  readonly isAuthentic: boolean;
  /** False once the requester is known to wait no longer: work that has not begun must not begin. */
  isAwaited(): boolean;
}

export interface Serving {
  /** Stops accepting requests, and resolves when the accepted ones are answered. */
  drain(): Promise<void>;
}

export const noHeaders: Headers = {};
