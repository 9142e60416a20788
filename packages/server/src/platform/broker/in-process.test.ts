import { afterAll } from "vitest";
import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "../contract/databases.ts";
import { wireTo } from "../contract/proxy.ts";
import { silent } from "../contract/silent.ts";
import { openPostgresql } from "../database/postgresql.ts";
import { brokerContract } from "./contract/broker-contract.ts";
import { type BrokerUnderTest, brokerContractSteps, impatient } from "./contract/broker-fixture.ts";
import { inProcessBroker } from "./in-process.ts";

/** So long a place is held by a process that died. */
const options = { retry: impatient, leaseSeconds: 0.6 };

let embedded: Promise<Fresh> | undefined;
afterAll(async () => (await embedded)?.close());

brokerContract("in process, on PGlite", async (): Promise<BrokerUnderTest> => {
  embedded ??= freshPglite(brokerContractSteps);
  const { database } = await embedded;
  return { database, start: () => inProcessBroker(database, silent, options), close: async () => {} };
});

// Locks between processes and a network that fails: not to be had on one embedded connection.
describeOnPostgresql("on a server", () => {
  brokerContract("in process, on PostgreSQL", async (): Promise<BrokerUnderTest> => {
    const fresh = await freshPostgresql(brokerContractSteps);
    const wire = await wireTo(fresh.url as string);
    const opened: { close(): Promise<void> }[] = [];
    return {
      database: fresh.database,
      line: wire,
      start: () => {
        const database = openPostgresql({ url: wire.url, poolSize: 3 });
        opened.push(database);
        return inProcessBroker(database, silent, options);
      },
      async close() {
        await Promise.all(opened.map((each) => each.close().catch(() => {})));
        await wire.close();
        await fresh.close();
      },
    };
  });
});
