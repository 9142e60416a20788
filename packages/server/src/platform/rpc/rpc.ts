/**
 * The rpc port: a question to whichever process answers a subject, and news for all of them. A subject is words with dots
 * between them; a trailing `>` stands for one or more words where somebody serves.
 */
export interface Rpc {
  /**
   * Resolves with the answer of one process that serves `subject`. Rejects with `NobodyServes` where none does, so that nothing
   * has been done; with `OutcomeUnknown` where no answer came within `timeoutMs`, or the process that was asked ended: then it may
   * have been done; and with `Unavailable` where it could not be sent.
   */
  request(subject: string, body: Uint8Array, options: { readonly timeoutMs: number }): Promise<Reply>;
  /** Answers requests in turn with the other processes that serve `subject` as the same `group`. */
  serve(subject: string, group: string, handler: Handler): Promise<Serving>;
  /** Tells every process that listens, this one too where it listens. Nobody is waited for, and nobody may hear it. */
  tell(subject: string): void;
  listen(subject: string, listener: () => void): Promise<void>;
  /** Rejects when no request can be sent. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface Reply {
  readonly body: Uint8Array;
  /** Short texts beside the body, as the answering process set them. */
  readonly headers: Headers;
}

export type Headers = Readonly<Record<string, string>>;

/** Must answer, also where it fails: a rejection is a fault of the program, and the asking side waits for nothing. */
export type Handler = (request: Request) => Reply | Promise<Reply>;

export interface Request {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Whether a process of this installation sent it. False for whoever else can publish where requests are taken. */
  readonly isAuthentic: boolean;
  /** False once it is known that nobody waits for the answer any more: what has not begun is not to begin. */
  isAwaited(): boolean;
}

export interface Serving {
  /** Takes no new requests, and resolves when those that were taken are answered. */
  drain(): Promise<void>;
}

export const noHeaders: Headers = {};
