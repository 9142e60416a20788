/**
 * `npm run drill:erasure [-- members]`: an organization of 50,000 members, each with a grant, is erased by processes with one role
 * each, on PostgreSQL with a login that owns only its database, while another organization is served. DRILL_DATABASE_URL is an
 * administrator's login (postgres@127.0.0.1:5432 by default), DRILL_NATS_URL the NATS server (127.0.0.1:4222).
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { eraseOrganization } from "../../packages/server/src/modules/organization/tenancy/index.ts";
import { callOperation } from "../../packages/server/src/runtime/cli/call-operation.ts";
import { readConfiguration } from "../../packages/server/src/runtime/configuration.ts";
import { percentile, watchChecks } from "./checks.ts";
import { fillBySql } from "./population.ts";
import { post, runCommand, startRole } from "./product.ts";

const members = Number(process.argv[2] ?? 50_000);
/** Minutes on an idle machine, a quarter of an hour for 50,000 on one with ten times its load. */
const secondsMax = 60 + members / 40;
const adminUrl = new URL(process.env["DRILL_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres");
const name = `gatehouse_drill_${randomBytes(4).toString("hex")}`;
const say = (line: string) => void process.stdout.write(`${line}\n`);

const withClient = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};
const at = (user: string): string => Object.assign(new URL(adminUrl), { pathname: `/${name}`, username: user }).href;

await withClient(adminUrl.href, async (client) => {
  await client.query(`create role ${name} login password '${name}'`);
  await client.query(`create database ${name} owner ${name}`);
});
const database = Object.assign(new URL(at(name)), { password: name }).href;
const environment = {
  DATABASE_URL: database,
  NATS_URL: process.env["DRILL_NATS_URL"] ?? "nats://127.0.0.1:4222",
  NATS_PREFIX: name,
  GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
  GATEHOUSE_SIGN_IN_LIMIT: "off",
  GATEHOUSE_QUOTA_ORGANIZATIONS: "1000000",
  TRUST_PROXY: "true",
  PUBLIC_URL: "http://127.0.0.1",
};
const started: { stop(): Promise<void> }[] = [];
let code = 1;
try {
  for (const role of ["worker", "command", "query"]) started.push(await startRole(role, environment));
  const front = await startRole("gateway", environment);
  started.push(front);
  const account = { email: "drill@example.com", password: "a quiet green harbour" };
  const made = await runCommand(["user", "create", "--email", account.email, "--first-name", "Drill", "--last-name", "Person"], {
    ...environment,
    GATEHOUSE_USER_PASSWORD: account.password,
  });
  if (made?.code !== 0) throw new Error(`no user could be created: ${made?.output}`);
  const answer = await post(front.url, "/api/v1/iam/auth/login", account);
  const { sessionToken, user } = (await answer.json()) as { readonly sessionToken: string; readonly user: { readonly id: string } };
  const organization = async (title: string): Promise<string> => {
    const body = { name: title, slug: title.toLowerCase(), country: "VN" };
    return ((await (await post(front.url, "/api/v1/iam/organizations", body, sessionToken)).json()) as { readonly id: string }).id;
  };
  const [erased, other] = [await organization("Large"), await organization("Other")];
  say(`an organization of ${members} members and as many grants is filled …`);
  await withClient(at(adminUrl.username), (client) => fillBySql(client, erased, members));

  const check = { userId: user.id, tenantId: other, actionType: "Organization.Update" };
  const ask = () => post(front.url, "/api/v1/iam/authorization/check", check, sessionToken);
  const before = await watchChecks(ask, async () => sleep(10_000));
  say(
    `checks before            p50 ${percentile(before.ms, 50)} ms, p99 ${percentile(before.ms, 99)} ms, ${before.refused} of ${before.ms.length} refused`,
  );

  const began = performance.now();
  const batches: number[] = [];
  const during = await watchChecks(ask, async () => {
    await callOperation(readConfiguration(environment), eraseOrganization, { organizationId: erased });
    await withClient(at(adminUrl.username), async (client) => {
      let removed = -1;
      for (let last = performance.now(); performance.now() - began < secondsMax * 1_000; await sleep(20)) {
        const { rows } = await client.query("select members_removed, finished_at from erased_organizations where id = $1", [erased]);
        if (rows[0]?.members_removed !== removed) {
          batches.push(performance.now() - last);
          [removed, last] = [rows[0]?.members_removed, performance.now()];
        }
        if (rows[0]?.finished_at) return;
      }
      throw new Error(`not erased within ${secondsMax} s: ${removed} of ${members + 1} members are removed`);
    });
  });
  const seconds = (performance.now() - began) / 1_000;
  say(`erased in                ${seconds.toFixed(0)} s, ${Math.round(members / seconds)} members a second`);
  say(
    `a batch of members       p50 ${percentile(batches, 50)} ms, p99 ${percentile(batches, 99)} ms, including the wait for the previous one`,
  );
  say(
    `checks meanwhile         p50 ${percentile(during.ms, 50)} ms, p99 ${percentile(during.ms, 99)} ms, ${during.refused} of ${during.ms.length} refused`,
  );
  code = 0;
} finally {
  for (const product of started.reverse()) await product.stop();
  await withClient(adminUrl.href, async (client) => {
    await client.query(`drop database ${name} with (force)`);
    await client.query(`drop role ${name}`);
  });
}
process.exit(code);
