/**
 * Signs of life. A process that works on a request for longer than a moment repeatedly notifies the requester. If the requester receives
 * neither a sign nor the answer for `silenceMs`, the process is dead, blocked or disconnected, and the requester stops waiting.
 *
 * A requester asks for signs by its reply subject, `<inbox>.signs-3000.<number>`. The subject carries the time, so that both sides use the
 * same one. A requester that does not know signs (an older release, another program) never receives one as an answer.
 */
export const signHeader = "gatehouse-sign";

const requested = /\.signs-(\d{1,6})\.[^.]+$/;

export const signAddress = (inbox: string, silenceMs: number): string => `${inbox}.signs-${silenceMs}`;

/** The silence after which the requester stops waiting; undefined if it asks for no signs. */
export function requestedSilence(reply: string | undefined): number | undefined {
  const [, silenceMs] = requested.exec(reply ?? "") ?? [];
  return silenceMs === undefined ? undefined : Number(silenceMs);
}

/** The requester of one request as the serving process sees it: whether it still waits, given when it last got a sign. */
export class Waiter {
  readonly #silenceMs: number;
  readonly #sign: () => void;
  #signedAt: number;
  #hasGivenUp = false;

  constructor(silenceMs: number, arrivedAt: number, sign: () => void) {
    this.#silenceMs = silenceMs;
    this.#sign = sign;
    this.#signedAt = arrivedAt;
  }

  /** False once this process was silent for too long; never true again. */
  get isWaiting(): boolean {
    if (performance.now() - this.#signedAt > this.#silenceMs) this.#hasGivenUp = true;
    return !this.#hasGivenUp;
  }

  /** Sends a sign of life, if the requester still waits. */
  sign(): void {
    if (!this.isWaiting) return;
    this.#sign();
    this.#signedAt = performance.now();
  }
}
