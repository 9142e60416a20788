import type { Logger } from "pino";
import type { Broker } from "./broker/broker.ts";
import type { Clock } from "./clock.ts";
import type { Database } from "./database/database.ts";
import type { Writes } from "./database/observed-writes.ts";
import type { Jobs } from "./jobs/jobs.ts";
import type { KeyRing } from "./keys/keys.ts";
import type { Limits } from "./limits/limits.ts";
import type { Consumers } from "./log/consumers/consumers.ts";
import type { LogFollower } from "./log/follower.ts";
import type { Publisher } from "./log/publish.ts";
import type { Mail } from "./mail/mail.ts";
import type { Resilience } from "./resilience/resilience.ts";
import type { RevocationList } from "./revocation-list/revocation-list.ts";
import type { Rpc } from "./rpc/rpc.ts";
import type { Settings } from "./settings.ts";
import type { SnapshotCache } from "./snapshot-cache/snapshot-cache.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import type { Tracer } from "./telemetry/tracing.ts";

/** Every port, as composed by the runtime. Operations and modules are built on it. */
export interface Platform {
  readonly database: Database;
  readonly writes: Writes;
  readonly log: LogFollower;
  readonly snapshotCache: SnapshotCache;
  readonly consumers: Consumers;
  readonly publisher: Publisher;
  readonly broker: Broker;
  readonly rpc: Rpc;
  readonly jobs: Jobs;
  readonly mail: Mail;
  readonly keys: KeyRing;
  readonly limits: Limits;
  readonly revocationList: RevocationList;
  readonly resilience: Resilience;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** The offset of this machine's clock from the database's, in milliseconds. */
  readonly clockSkewMs: () => number;
  readonly settings: Settings;
}
