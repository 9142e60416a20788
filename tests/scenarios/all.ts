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

/** Every scenario that is played on one application, in this order; the clock last, because processes that are ahead tidy up what is not over. */
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

/** Why a scenario cannot be played here; undefined where it can. */
export function impossible(scenario: Scenario): string | undefined {
  if (scenario === redisScenario && !capabilities.sharedCache) return "this build takes no REDIS_URL";
  if (scenario === rabbitmqScenario && !capabilities.broker) return "this build takes no EVENTS_URL";
  if (scenario === clockScenario && fakeTimeLibrary() === undefined) return "libfaketime is not installed (Debian's package faketime)";
  return undefined;
}
