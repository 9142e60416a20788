import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { sql } from "kysely";
import { billingConsumer } from "../../server/src/modules/organization/entitlements/index.ts";
import { everyTenant } from "../../server/src/platform/database/database.ts";
import type { OrganizationOf } from "./people.ts";
import { World } from "./world.ts";

/** A server with a simulated billing: its API, and its events on the broker. */
export interface BillingWorld {
  readonly world: World;
  /** The answers of billing's API, by organization. A number is an HTTP status; without an entry the answer is 404. */
  readonly answers: Map<string, unknown>;
  readonly requests: { readonly id: string; readonly authorization: string | undefined }[];
  publish(type: string, data: object, more?: object): ReturnType<typeof publishEvent>;
  deadLetters(): ReturnType<World["server"]["application"]["platform"]["broker"]["deadLetters"]>;
  stateOf(organization: OrganizationOf): Promise<{ readonly status: string; readonly plan: string | null; readonly entitlements: unknown }>;
  /** Whether a message was handled. */
  received(id: string): Promise<boolean>;
  close(): Promise<void>;
}

async function publishEvent(world: World, type: string, data: object, more: object) {
  const event = {
    specversion: "1.0" as const,
    id: randomUUID(),
    source: "https://billing.example",
    type,
    time: new Date().toISOString(),
    data,
    ...more,
  };
  await world.server.application.platform.broker.publish([{ exchange: billingConsumer.exchange, event }]);
  return event;
}

export async function openBillingWorld(): Promise<BillingWorld> {
  const answers = new Map<string, unknown>();
  const requests: { readonly id: string; readonly authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const id = request.url?.split("/")[2] as string;
    requests.push({ id, authorization: request.headers.authorization });
    const answer = answers.get(id) ?? 404;
    if (typeof answer === "number") return response.writeHead(answer).end();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const world = await World.open([], {
    BILLING_URL: `http://127.0.0.1:${port}`,
    BILLING_TOKEN: "a token of billing",
    BILLING_DELETION_DELAY_HOURS: "0",
  });
  const platform = () => world.server.application.platform;
  return {
    world,
    answers,
    requests,
    publish: (type, data, more = {}) => publishEvent(world, type, data, more),
    deadLetters: () => platform().broker.deadLetters(billingConsumer),
    async stateOf({ id }) {
      const [organization, plan] = await Promise.all([
        world.send(`GET organizations/${id}`, world.administrator.token),
        world.send(`GET organizations/${id}/entitlements`, world.administrator.token),
      ]);
      return { status: organization.body.status, plan: plan.body.plan, entitlements: plan.body.entitlements };
    },
    async received(id) {
      const { rows } = await platform().database.read(everyTenant, (db) =>
        sql`select from inbox_messages where message_id like ${`%${id}`}`.execute(db as never),
      );
      return rows.length > 0;
    },
    async close() {
      await world.close();
      server.close();
    },
  };
}
