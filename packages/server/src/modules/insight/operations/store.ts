import { sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import { type RelayStatus, relayStatus } from "#platform/broker/relay.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { type LogState, logState } from "#platform/log/retention.ts";
import { confirmRemoval, stoppedRemovals } from "#platform/retention/ceiling.ts";

/** The prefix of job queues: `jobs/notifications.send-mail`. */
export const jobsPrefix = "jobs/";

export interface ConsumerRow {
  readonly name: string;
  readonly moved_at: Date;
  readonly dead_letters: number;
}

const reads = (db: ReadHandle) => ({
  log: (): Promise<LogState> => logState(db),
  relay: (): Promise<RelayStatus | undefined> => relayStatus(db),
  /** The consumers of the log, with the number of their dead letters. */
  async consumers(): Promise<readonly ConsumerRow[]> {
    return rowsOf(
      db,
      sql<ConsumerRow>`
      select name, moved_at, (select count(*) from dead_letters where consumer = name)::int as dead_letters
      from consumers order by name`,
    );
  },
  stoppedRemovals: () => stoppedRemovals(db),
  /** The dead letters of records and jobs, by queue. */
  async otherDeadLetters(): Promise<readonly { readonly name: string; readonly dead_letters: number }[]> {
    return rowsOf(
      db,
      sql<{ name: string; dead_letters: number }>`
      select consumer as name, count(*)::int as dead_letters from record_dead_letters group by consumer
      union all
      select ${jobsPrefix} || name, count(*)::int from jobs.job where state = 'failed' and name not like '\\_\\_%' group by name
      order by name`,
    );
  },
});

const writes = (tx: WriteHandle) => ({ confirmRemoval: (name: string) => confirmRemoval(tx, name) });

export type DeliveryReads = ReturnType<typeof reads>;
export const operationsStore: Store<DeliveryReads, ReturnType<typeof writes>> = { reads, writes };
