import type { Broker } from "#platform/broker/broker.ts";
import type { Application } from "./application.ts";
import type { Configuration } from "./configuration.ts";
import { type Component, component, probe } from "./probe.ts";
import { answersOthers, type Role } from "./roles.ts";

/** What a process stands on; what is not configured is not there. */
export interface Asked {
  /** The database that is written to. */
  readonly postgresql: Component;
  readonly postgresqlReplica?: Component;
  readonly redis: Component;
  readonly messageBroker: Component;
  readonly nats?: Component;
}

/** What a process stands on, asked now, and what of it the process can do without. */
export interface Dependencies {
  ask(): Promise<Asked>;
  /** Shown as they are where they are down, and taking no process out of service (decision 0023). */
  dispensable(): readonly string[];
  /** Whether the role answers although these are down. */
  dispensableTo(role: "query" | "command" | "worker"): readonly string[];
}

export function dependenciesOf({ platform }: Application, { natsUrl, roles }: Pick<Configuration, "natsUrl" | "roles">): Dependencies {
  const { broker, consumers, snapshotCache, database, log, rpc } = platform;
  const embedded = database.kind === "pglite";
  // Without a broker outside, events go from the log to consumers of this process.
  const outside = broker.kind !== "in-process";
  const dispensableTo: Dependencies["dispensableTo"] = (role) => {
    // Checks go on without the database for a while; nothing else does. Consumers inside read the database's log.
    const without = role === "query" && log.withoutDatabase;
    return [
      "redis",
      // The primary answers for it.
      "postgresqlReplica",
      ...(without ? ["postgresql"] : []),
      // What a broker outside cannot take now waits in the log.
      ...(outside || without ? ["messageBroker"] : []),
    ];
  };
  return {
    async ask() {
      const { replica } = database;
      const [postgresql, postgresqlReplica, redis, messageBroker, nats] = await Promise.all([
        probe(() => database.ping(), { kind: embedded ? "embedded (PGlite)" : "PostgreSQL" }),
        replica && probe(() => replica.ping(log.replicaBound), { kind: "PostgreSQL" }),
        probe(() => snapshotCache.ping(), { kind: snapshotCache.kind }),
        outside ? probeBroker(broker) : probe(() => consumers.ping(), { kind: "in process" }),
        natsUrl === undefined ? undefined : probe(() => rpc.ping(), { kind: "NATS" }),
      ]);
      return { postgresql, ...(postgresqlReplica && { postgresqlReplica }), redis, messageBroker, ...(nats && { nats }) };
    },
    dispensable: () => [...dispensableTo(roles.has("query") ? "query" : "command"), ...(isReachedByNats(roles) ? [] : ["nats"])],
    dispensableTo,
  };
}

/** One that answers and refuses what the product needs is down, and says so in its own words. */
async function probeBroker(broker: Broker): Promise<Component> {
  const probed = await probe(() => broker.ping(), { kind: broker.kind });
  const refusal = broker.refusal();
  return refusal === undefined ? probed : component(false, { ...probed.details, refusal });
}

/** Whether nothing would be answered without NATS; elsewhere a part is answered here, or it only tells sooner of commits. */
const isReachedByNats = (roles: ReadonlySet<Role>): boolean => roles.has("gateway") !== answersOthers(roles);
