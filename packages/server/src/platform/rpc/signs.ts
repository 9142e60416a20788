/**
 * Signs of life. A process that works on a request for longer than a moment says so to whoever asked, again and again; where that hears
 * neither a sign nor the answer for `silenceMs`, the process is dead, stands still, or is cut off, and is waited for no longer.
 *
 * Who wants signs says so by the address of the answer, `<inbox>.signs-3000.<number>`: the time is in it, so that both sides count the
 * same, and a caller that knows nothing of signs (an older release, another program) takes none of them for an answer.
 */
export const signHeader = "gatehouse-sign";

const wish = /\.signs-(\d{1,6})\.[^.]+$/;

export const signAddress = (inbox: string, silenceMs: number): string => `${inbox}.signs-${silenceMs}`;

/** The silence after which nobody waits behind this address any more; undefined where no signs are wanted. */
export function wishedSilence(reply: string | undefined): number | undefined {
  const [, silenceMs] = wish.exec(reply ?? "") ?? [];
  return silenceMs === undefined ? undefined : Number(silenceMs);
}

/** The asked side of one request: when it last said something, and whether it said it in time. */
export class Awaited {
  readonly #silenceMs: number;
  readonly #sign: () => void;
  #saidAt: number;
  #givenUp = false;

  constructor(silenceMs: number, arrivedAt: number, sign: () => void) {
    this.#silenceMs = silenceMs;
    this.#sign = sign;
    this.#saidAt = arrivedAt;
  }

  /** False once this process has been silent for so long that nobody waits any more; it stays so. */
  get still(): boolean {
    if (performance.now() - this.#saidAt > this.#silenceMs) this.#givenUp = true;
    return !this.#givenUp;
  }

  /** Says that the work goes on, where somebody waits for it. */
  sign(): void {
    if (!this.still) return;
    this.#sign();
    this.#saidAt = performance.now();
  }
}
