import type { Lineage, ReplicaNeed } from "../database/database.ts";
import type { Revision } from "./event.ts";

interface Observed {
  readonly horizon: string;
  readonly at: number;
}

/**
 * What a replica must have replayed before it may answer a query of this process: all that was committed `staleMsMax` ago, and every
 * write that callers of the process know of. One a process.
 */
export class ReplicaNeeds {
  readonly #staleMsMax: number;
  /** Horizons of the primary, oldest first: the newest that is old enough, and those after it. */
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

  /** A caller knows of this write, and finds it from now on. */
  include(revision: Revision): void {
    if (BigInt(revision) > this.#written) this.#written = BigInt(revision);
  }

  /** For queries: with everything that callers know of. */
  get present(): ReplicaNeed {
    const { horizon, lineage } = this.settled;
    return { horizon: BigInt(horizon) > this.#written ? horizon : String(this.#written + 1n), lineage };
  }

  /** For health: what a replica that keeps up has replayed. */
  get settled(): ReplicaNeed {
    const oldest = this.#observed[0];
    // The first observation is not old yet; it is what the process began with.
    return { horizon: oldest?.horizon ?? "0", lineage: this.#lineage };
  }

  /** The numbers of a lineage that has ended mean nothing in the next one. */
  reset(): void {
    this.#observed = [];
    this.#written = 0n;
    this.#lineage = undefined;
  }
}
