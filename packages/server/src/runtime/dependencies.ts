import type { Broker } from "#platform/broker/broker.ts";
import type { Application } from "./application.ts";
import type { Configuration } from "./configuration.ts";
import { type Component, component, probe } from "./probe.ts";
import { type Role, servesOtherProcesses } from "./roles.ts";

/** The state of each dependency of a process; absent where it is not configured. */
export interface DependencyStatuses {
  /** The primary. */
  readonly postgresql: Component;
  readonly postgresqlReplica?: Component;
  readonly redis: Component;
  readonly messageBroker: Component;
  readonly nats?: Component;
}

/** Probes the dependencies of a process, and says which of them it can run without. */
export interface Dependencies {
  probeAll(): Promise<DependencyStatuses>;
  /** Reported as down without making the process unready (decision 0023). */
  dispensable(): readonly string[];
  /** The dependencies that the role can run without. */
  dispensableTo(role: "query" | "command" | "worker"): readonly string[];
}

export function dependenciesOf({ platform }: Application, { natsUrl, roles }: Pick<Configuration, "natsUrl" | "roles">): Dependencies {
  const { broker, consumers, snapshotCache, database, log, rpc } = platform;
  const embedded = database.kind === "pglite";
  // Without an external broker, consumers of this process read events from the log.
  const external = broker.kind !== "in-process";
  const dispensableTo: Dependencies["dispensableTo"] = (role) => {
    // Only checks work without the database, for a limited time. The consumers of this process need its log.
    const without = role === "query" && log.withoutDatabase;
    return [
      "redis",
      // Reads fall back to the primary.
      "postgresqlReplica",
      ...(without ? ["postgresql"] : []),
      // Events wait in the log while an external broker is unavailable.
      ...(external || without ? ["messageBroker"] : []),
    ];
  };
  return {
    async probeAll() {
      const { replica } = database;
      const [postgresql, postgresqlReplica, redis, messageBroker, nats] = await Promise.all([
        probe(() => database.ping(), { kind: embedded ? "embedded (PGlite)" : "PostgreSQL" }),
        replica && probe(() => replica.ping(log.replicaBound), { kind: "PostgreSQL" }),
        probe(() => snapshotCache.ping(), { kind: snapshotCache.kind }),
        external ? probeBroker(broker) : probe(() => consumers.ping(), { kind: "in process" }),
        natsUrl === undefined ? undefined : probe(() => rpc.ping(), { kind: "NATS" }),
      ]);
      return { postgresql, ...(postgresqlReplica && { postgresqlReplica }), redis, messageBroker, ...(nats && { nats }) };
    },
    dispensable: () => [...dispensableTo(roles.has("query") ? "query" : "command"), ...(requiresNats(roles) ? [] : ["nats"])],
    dispensableTo,
  };
}

/** A broker that answers but refuses an operation that the product needs is down; the details carry its reason. */
async function probeBroker(broker: Broker): Promise<Component> {
  const probed = await probe(() => broker.ping(), { kind: broker.kind });
  const refusal = broker.refusal();
  return refusal === undefined ? probed : component(false, { ...probed.details, refusal });
}

/** Whether the process serves nothing without NATS. Otherwise it serves some calls itself, or uses NATS for commit notifications only. */
const requiresNats = (roles: ReadonlySet<Role>): boolean => roles.has("gateway") !== servesOtherProcesses(roles);
