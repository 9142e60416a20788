import type { Lineage, ReplicaNeed } from "../database/database.ts";
import type { Revision } from "./event.ts";

interface Observed {
  readonly horizon: string;
  readonly at: number;
}

/**
 * What a replica must have replayed before it may answer a query of this process: everything committed at least `staleMsMax` ago, and every
 * write that callers of the process know of. One per process.
 */
export class ReplicaNeeds {
  readonly #staleMsMax: number;
  /** Horizons of the primary, oldest first: the newest that is at least `staleMsMax` old, and later ones. */
  #observed: Observed[] = [];
  #written = 0n;
  #lineage: Lineage | undefined;

  constructor(staleMsMax: number) {
    this.#staleMsMax = staleMsMax;
  }

  /** The primary's horizon as it was at `at` (performance.now). */
  observe(horizon: string, at: number, lineage: Lineage | undefined): void {
    this.#lineage = lineage;
    this.#observed.push({ horizon, at });
    const settled = this.#observed.findLastIndex((each) => each.at <= at - this.#staleMsMax);
    if (settled > 0) this.#observed.splice(0, settled);
  }

  /** Requires this write, of which a caller knows, from now on. */
  include(revision: Revision): void {
    if (BigInt(revision) > this.#written) this.#written = BigInt(revision);
  }

  /** For queries: includes all writes that callers know of. */
  get present(): ReplicaNeed {
    const { horizon, lineage } = this.settled;
    return { horizon: BigInt(horizon) > this.#written ? horizon : String(this.#written + 1n), lineage };
  }

  /** For health checks: what a replica without excessive lag has replayed. */
  get settled(): ReplicaNeed {
    const oldest = this.#observed[0];
    // Right after the start, the first observation is used although it is newer.
    return { horizon: oldest?.horizon ?? "0", lineage: this.#lineage };
  }

  /** Discards everything: transaction ids of one lineage mean nothing in the next. */
  reset(): void {
    this.#observed = [];
    this.#written = 0n;
    this.#lineage = undefined;
  }
}
