import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { afterAll } from "vitest";
import { openPostgresql } from "../database/postgresql.ts";
import { brokerConformance } from "./conformance/broker-conformance.ts";
import { type BrokerUnderTest, brokerContractSteps, impatient } from "./conformance/broker-fixture.ts";
import { databaseBroker } from "./database-broker.ts";

/** How long a dead process keeps its lease. */
const options = { retry: impatient, leaseSeconds: 0.6 };

let embedded: Promise<Fresh> | undefined;
afterAll(async () => (await embedded)?.close());

brokerConformance("in the database, on PGlite", async (): Promise<BrokerUnderTest> => {
  embedded ??= freshPglite(brokerContractSteps);
  const { database } = await embedded;
  return { database, start: () => databaseBroker(database, silent, options), close: async () => {} };
});

// Locks between processes and network failures need several connections, which embedded storage does not have.
describeOnPostgresql("the database broker on PostgreSQL", () => {
  brokerConformance("in the database, on PostgreSQL", async (): Promise<BrokerUnderTest> => {
    const fresh = await freshPostgresql(brokerContractSteps);
    const wire = await wireTo(fresh.url as string);
    const opened: { close(): Promise<void> }[] = [];
    return {
      database: fresh.database,
      line: wire,
      start: () => {
        const database = openPostgresql({ url: wire.url, poolSize: 3 });
        opened.push(database);
        return databaseBroker(database, silent, options);
      },
      async close() {
        await Promise.all(opened.map((each) => each.close().catch(() => {})));
        await wire.close();
        await fresh.close();
      },
    };
  });
});
