import { clockRow, fakeTimeLibrary } from "./clock.ts";
import { databaseFrozen, databaseKilled, databaseStopped } from "./database.ts";
import { frozenProcessRow } from "./frozen-process.ts";
import { killRow } from "./kill.ts";
import { natsRow } from "./nats.ts";
import { rabbitmqRow } from "./rabbitmq.ts";
import { redisRow } from "./redis.ts";
import { rollingRow } from "./rolling.ts";
import { capabilities } from "./support/capabilities.ts";
import type { Row } from "./support/stage.ts";
import { terminateRow } from "./terminate.ts";
import { twiceRow } from "./twice.ts";

/** Every row that is played on one house, in this order; the clock last, because processes that are ahead tidy up what is not over. */
export const rows: readonly Row[] = [
  terminateRow,
  rollingRow,
  killRow,
  { ...frozenProcessRow, longOnly: true },
  databaseStopped,
  { ...databaseKilled, longOnly: true },
  databaseFrozen,
  redisRow,
  natsRow,
  rabbitmqRow,
  twiceRow,
  clockRow,
];

/** Why a row cannot be played here; undefined where it can. */
export function impossible(row: Row): string | undefined {
  if (row === redisRow && !capabilities.sharedCache) return "this build takes no REDIS_URL";
  if (row === rabbitmqRow && !capabilities.broker) return "this build takes no EVENTS_URL";
  if (row === clockRow && fakeTimeLibrary() === undefined) return "libfaketime is not installed (Debian's package faketime)";
  return undefined;
}
