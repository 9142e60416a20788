import { variables } from "../../../packages/server/src/runtime/variables.ts";

/** True if this build has the variable: the suite gives the product every service that it can use. */
const takes = (name: string, example: string): boolean =>
  variables.find((variable) => variable.name === name)?.parse(example) !== undefined;

export const capabilities = {
  /** A Redis snapshot of the projection: checks continue while the database is unavailable. */
  sharedCache: takes("REDIS_URL", "redis://127.0.0.1:6379"),
  /** Events are published to a broker. */
  broker: takes("EVENTS_URL", "amqp://guest:guest@127.0.0.1:5672"),
} as const;
