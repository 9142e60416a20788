import type { JsMsg } from "@nats-io/jetstream";

/**
 * What a dead process had in hand, brought into the stream's order. The server hands it over again before anything new, but in the order in
 * which the time of each was over, and a message that had been worked on the longest may come last of its subject.
 */
export class Returns {
  readonly #hand: (message: JsMsg) => void;
  readonly #waitMs: number;
  #expected: number;
  #held: JsMsg[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Holds back as many as `expected`, each for `waitMs` at most: fewer come where the stream has forgotten one. */
  constructor(expected: number, waitMs: number, hand: (message: JsMsg) => void) {
    this.#expected = expected;
    this.#waitMs = waitMs;
    this.#hand = hand;
  }

  take(message: JsMsg): void {
    if (this.#expected > 0 && message.info.deliveryCount > 1) {
      this.#timer ??= setTimeout(() => this.#release(), this.#waitMs);
      this.#held.push(message);
      if (this.#held.length === this.#expected) this.#release();
      return;
    }
    this.#release();
    this.#hand(message);
  }

  /** Lets go of what is held: the server hands it over again when its time is over. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#expected = 0;
    this.#held = [];
  }

  /** Hands on what is held, oldest first, and holds nothing more. */
  #release(): void {
    const held = this.#held.sort((one, other) => one.info.streamSequence - other.info.streamSequence);
    this.forget();
    for (const message of held) this.#hand(message);
  }
}
