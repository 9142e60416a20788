import { randomUUID } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/transport-node";
import { ensureStream } from "./jetstream-streams.ts";

/**
 * Which process is handed a consumer's messages: the last message of a subject that expires by itself. It is written only
 * where there is none, and renewed only over one's own. Pull consumers of NATS before 2.11 know no single active one.
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

  /** Claims or renews; false while another holds it. */
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
      // "wrong last sequence": another's word stands there, or one's own has expired and the next claim is a new one.
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
