import type { Logger } from "pino";
import type { Bus } from "./bus/bus.ts";
import type { Cache } from "./cache/cache.ts";
import type { Clock } from "./clock.ts";
import type { Database } from "./database/database.ts";
import type { Jobs } from "./jobs/jobs.ts";
import type { Keys } from "./keys/keys.ts";
import type { Limits } from "./limits/limits.ts";
import type { LogFollower } from "./log/follower.ts";
import type { Mail } from "./mail/mail.ts";
import type { Settings } from "./settings.ts";
import type { Metrics } from "./telemetry/metrics.ts";

/** Every port, as the runtime has put it together: the ground that operations and modules stand on. */
export interface Platform {
  readonly database: Database;
  readonly log: LogFollower;
  readonly cache: Cache;
  readonly bus: Bus;
  readonly jobs: Jobs;
  readonly mail: Mail;
  readonly keys: Keys;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly settings: Settings;
}
