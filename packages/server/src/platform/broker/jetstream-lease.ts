import { randomUUID } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/transport-node";
import { ensureStream } from "./jetstream-streams.ts";

/**
 * The lease of a consumer, for one process at a time: the last message of a subject, which expires by itself. It is written only
 * if there is none, and renewed only over the holder's own. Pull consumers of NATS before 2.11 have no single active member.
 */
export class JetStreamLease {
  readonly #connection: NatsConnection;
  readonly #stream: string;
  readonly #subject: string;
  readonly #ms: number;
  readonly #holder = randomUUID();
  #sequence = 0;

  constructor(connection: NatsConnection, consumer: string, ms: number) {
    this.#connection = connection;
    this.#stream = `gatehouse-leases-${ms}`;
    this.#subject = `gatehouse.leases.${ms}.${consumer}`;
    this.#ms = ms;
  }

  /** Claims or renews the lease; false while another process holds it. */
  async claim(): Promise<boolean> {
    const age = nanos(this.#ms);
    const manager = await jetstreamManager(this.#connection);
    await ensureStream(manager, this.#stream, [`gatehouse.leases.${this.#ms}.>`], {
      max_age: age,
      duplicate_window: age,
      max_msgs_per_subject: 1,
    });
    try {
      const { seq } = await jetstream(this.#connection).publish(this.#subject, this.#holder, {
        expect: { lastSubjectSequence: this.#sequence },
      });
      this.#sequence = seq;
      return true;
    } catch (error) {
      this.#sequence = 0;
      // "wrong last sequence": another process holds the lease, or this one's has expired and the next claim is a new one.
      if ((error as { code?: number }).code === 10_071 || /wrong last sequence/.test(String((error as Error).message))) return false;
      throw error;
    }
  }

  async release(): Promise<void> {
    if (this.#sequence === 0) return;
    const manager = await jetstreamManager(this.#connection);
    await manager.streams.deleteMessage(this.#stream, this.#sequence).catch(() => {});
    this.#sequence = 0;
  }
}
