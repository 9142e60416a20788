import { variables } from "../../../packages/server/src/runtime/variables.ts";

/** True where this build takes the variable: the suite gives the product every service that it knows how to use. */
const takes = (name: string, example: string): boolean =>
  variables.find((variable) => variable.name === name)?.parse(example) !== undefined;

export const capabilities = {
  /** A Redis snapshot of the read model: checks go on while the database is away. */
  sharedCache: takes("REDIS_URL", "redis://127.0.0.1:6379"),
  /** Events leave by a broker. */
  broker: takes("EVENTS_URL", "amqp://guest:guest@127.0.0.1:5672"),
} as const;
