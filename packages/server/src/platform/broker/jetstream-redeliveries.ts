import type { JsMsg } from "@nats-io/jetstream";

/**
 * Sorts redelivered messages of a dead process into the stream's order. The server redelivers them before new ones, but in the order in
 * which their acknowledgement times expired, so the first message of a subject may come last.
 */
export class Redeliveries {
  readonly #deliver: (message: JsMsg) => void;
  readonly #waitMs: number;
  #expected: number;
  #buffered: JsMsg[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Buffers `expected` messages for at most `waitMs`: fewer come if the stream has deleted one. */
  constructor(expected: number, waitMs: number, deliver: (message: JsMsg) => void) {
    this.#expected = expected;
    this.#waitMs = waitMs;
    this.#deliver = deliver;
  }

  take(message: JsMsg): void {
    if (this.#expected > 0 && message.info.deliveryCount > 1) {
      this.#timer ??= setTimeout(() => this.#release(), this.#waitMs);
      this.#buffered.push(message);
      if (this.#buffered.length === this.#expected) this.#release();
      return;
    }
    this.#release();
    this.#deliver(message);
  }

  /** Discards the buffered messages: the server redelivers them when their acknowledgement time expires. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#expected = 0;
    this.#buffered = [];
  }

  /** Delivers the buffered messages, oldest first, and buffers no more. */
  #release(): void {
    const buffered = this.#buffered.sort((one, other) => one.info.streamSequence - other.info.streamSequence);
    this.discard();
    for (const message of buffered) this.#deliver(message);
  }
}
