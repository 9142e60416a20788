import { clockScenario, fakeTimeLibrary } from "./clock.ts";
import { databaseFrozen, databaseKilled, databaseStopped } from "./database.ts";
import { frozenProcessScenario } from "./frozen-process.ts";
import { killScenario } from "./kill.ts";
import { natsScenario } from "./nats.ts";
import { rabbitmqScenario } from "./rabbitmq.ts";
import { redisScenario } from "./redis.ts";
import { rollingScenario } from "./rolling.ts";
import { capabilities } from "./support/capabilities.ts";
import type { Scenario } from "./support/stage.ts";
import { terminateScenario } from "./terminate.ts";
import { twiceScenario } from "./twice.ts";

/** Every scenario on one application, in order. The clock is last, because processes that are ahead delete what has not expired. */
export const scenarios: readonly Scenario[] = [
  terminateScenario,
  rollingScenario,
  killScenario,
  { ...frozenProcessScenario, longOnly: true },
  databaseStopped,
  { ...databaseKilled, longOnly: true },
  databaseFrozen,
  redisScenario,
  natsScenario,
  rabbitmqScenario,
  twiceScenario,
  clockScenario,
];

/** Why a scenario cannot run here; undefined if it can. */
export function impossible(scenario: Scenario): string | undefined {
  if (scenario === redisScenario && !capabilities.sharedCache) return "this build takes no REDIS_URL";
  if (scenario === rabbitmqScenario && !capabilities.broker) return "this build takes no EVENTS_URL";
  if (scenario === clockScenario && fakeTimeLibrary() === undefined) return "libfaketime is not installed (Debian's package faketime)";
  return undefined;
}
