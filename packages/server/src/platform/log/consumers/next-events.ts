import type { WriteHandle } from "../../database/database.ts";
import type { LoggedEvent, Position } from "../event.ts";
import { readAfter, readSince, readTail } from "../log.ts";
import type { TailCursor } from "../tail-cursor.ts";
import type { Consumer } from "./consumer.ts";
import { isAfter, isFarBehind, type LockedPosition } from "./consumer-position.ts";

/** Default batch size of an eager consumer that is far behind. */
const catchUpBatch = 200;

export interface NextEvents {
  readonly events: readonly LoggedEvent[];
  /** The position to save with their effects; undefined if it does not change. */
  readonly progress: Position | undefined;
  /** Set if an eager consumer has handled everything that it has read once these events are handled. */
  readonly cursor?: TailCursor | undefined;
  /** Whether there may be more events after these. */
  readonly more: boolean;
}

export const noEvents: NextEvents = { events: [], progress: undefined, more: false };

/** Reads the next events of a consumer, and remembers what an eager one has handled beyond its position. */
export class NextEventsReader {
  readonly #consumer: Consumer;
  /** What an eager consumer has handled beyond its position; undefined if it must begin at its position. */
  #cursor: TailCursor | undefined;
  /** Events beyond the cursor that it has handled one by one after a failure. */
  readonly #handledAhead = new Set<string>();

  constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  /** Discards the record of what was handled beyond the position. */
  restart(): void {
    this.#cursor = undefined;
    this.#handledAhead.clear();
  }

  /** Records what an eager consumer has handled. Call it after the commit. */
  passed({ events, cursor }: NextEvents): void {
    if (!this.#consumer.eager) return;
    if (cursor) {
      this.#cursor = cursor;
      this.#handledAhead.clear();
    } else for (const event of events) this.#handledAhead.add(event.id);
  }

  /** `single`: one event at a time, so that a failing one is isolated and the others succeed. */
  read(tx: WriteHandle, position: LockedPosition, single: boolean): Promise<NextEvents> {
    const { eager } = this.#consumer;
    // A cursor below the position is outdated: another process has moved the position since.
    if (this.#cursor && BigInt(this.#cursor.from) < BigInt(position.transaction)) this.#cursor = undefined;
    return eager && (this.#cursor || !isFarBehind(position))
      ? this.#readTail(tx, position, single)
      : this.#readInOrder(tx, position, single);
  }

  async #readInOrder(tx: WriteHandle, position: LockedPosition, single: boolean): Promise<NextEvents> {
    const limit = single ? 1 : (this.#consumer.batch ?? (this.#consumer.eager ? catchUpBatch : 1));
    const events = await readAfter(tx, position, { limit, types: this.#consumer.types });
    const last = events.at(-1)?.position;
    const progress = last ?? (isFarBehind(position) || position.isIdle ? { transaction: position.horizon, sequence: "0" } : undefined);
    return { events: events.filter((event) => !this.#handledAhead.has(event.id)), progress, more: last !== undefined };
  }

  /** Reads what was committed since this process's last read: a long transaction costs no repeated reads. */
  async #readTail(tx: WriteHandle, position: LockedPosition, single: boolean): Promise<NextEvents> {
    const { types } = this.#consumer;
    let tail = this.#cursor && (await readSince(tx, this.#cursor, types));
    // Another server may have lost the effects of events beyond the position with its last transactions: they are handled again.
    if (this.#cursor && tail === undefined) this.restart();
    tail ??= await readTail(tx, position.transaction, types);
    const fresh = tail.events.filter((event) => !this.#handledAhead.has(event.id) && isAfter(event.position, position));
    const events = fresh.slice(0, single ? 1 : (this.#consumer.batch ?? fresh.length));
    const cursor = events.length === fresh.length ? tail.cursor : undefined;
    // Not saved at every read without new events, because each save is a write.
    const moves = cursor && (fresh.length > 0 || position.isIdle || isFarBehind(position)) && tail.horizon !== position.transaction;
    return { events, cursor, progress: moves ? { transaction: tail.horizon, sequence: "0" } : undefined, more: events.length > 0 };
  }
}
