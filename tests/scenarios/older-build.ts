import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Child, removeNow, start } from "@gatehouse/testing/child.ts";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { openPostgres } from "@gatehouse/testing/own-services.ts";
import { eventually } from "@gatehouse/testing/until.ts";
import { migrate, type SchemaStep } from "../../packages/server/src/platform/database/migrations.ts";
import { openPostgresql } from "../../packages/server/src/platform/database/postgresql.ts";
import { smtpReceiver } from "../../packages/server/src/platform/mail/conformance/smtp-receiver.ts";
import { schemaSteps } from "../../packages/server/src/runtime/modules.ts";
import { gatehouse, root } from "../newcomer/process.ts";
import { administrator } from "./support/application.ts";
import { HttpClient } from "./support/http.ts";
import { knowsStep, layOutOlderBuild, olderCommit } from "./support/older-build.ts";
import type { ScenarioReport } from "./support/stage.ts";
import { unique } from "./support/world.ts";

const api = "/api/v1/iam";

/** Schema steps of a newer release: a compatible one, and a breaking one, after which an older build must not run. */
const added: SchemaStep = {
  name: "9998_future_adds",
  why: "a table of a release that is not yet made",
  up: async (db) => void (await db.schema.createTable("of_a_later_release").addColumn("id", "integer").execute()),
};
const breaks: SchemaStep = {
  name: "9999_future_breaks",
  why: "a change that a later release has marked as breaking",
  breaking: true,
  up: async (db) => void (await db.schema.dropTable("of_a_later_release").execute()),
};

export const olderBuildGuarantee =
  "The build of before runs on the schema of this one, unless a step is marked breaking: then it is refused with 78 and a sentence.";

/** The rollback: starts the older build on the database that this one has migrated and written to. */
export async function runOlderBuild(): Promise<ScenarioReport> {
  const commit = olderCommit();
  if (commit === undefined) throw new Error("the history of the repository is not here");
  const problems: string[] = [];
  const postgresql = await openPostgres();
  const mails = await smtpReceiver();
  const folder = layOutOlderBuild(commit);
  const environment = {
    DATABASE_URL: postgresql.url,
    SMTP_URL: mails.url,
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
    GATEHOUSE_ADMIN_EMAIL: administrator.email,
    GATEHOUSE_ADMIN_PASSWORD: administrator.password,
    GATEHOUSE_SIGN_IN_LIMIT: "off",
    LOG_LEVEL: "warn",
  };
  try {
    const organization = await withBuild(root, environment, (http) => write(http));
    const refusing = schemaSteps.filter(({ name, breaking }) => breaking === true && !knowsStep(commit, name)).map(({ name }) => name);
    const mayRun = refusing.length === 0;
    if (mayRun) {
      await withBuild(folder, environment, async (http) => {
        await readAndWrite(http, organization, problems);
      });
    } else await expectRefused(folder, environment, refusing, problems);
    const database = openPostgresql({ url: postgresql.url });
    await migrate(database.owner, [...schemaSteps, added]);
    await withBuild(root, environment, async (http) => void (await write(http)));
    if (mayRun) await withBuild(folder, environment, async (http) => void (await write(http)));
    await migrate(database.owner, [...schemaSteps, added, breaks]);
    await database.close();
    const refused = await gatehouse(["start", "--port", String(await freePort())], environment);
    if (refused.code !== 78) problems.push(`this build ended with ${refused.code} on a newer schema that breaks: ${refused.output}`);
    if (!refused.output.includes(breaks.name) || refused.output.includes("    at "))
      problems.push(`this build said on a newer schema that breaks: ${refused.output}`);
    const code = await expectRefused(folder, environment, [...refusing, breaks.name], problems);
    return { problems, "older build": commit, "it may run on this schema": mayRun, "its exit code where it may not run": code };
  } finally {
    await mails.close();
    await postgresql.close();
    removeNow(folder);
  }
}

const build = (from: string, environment: Readonly<Record<string, string>>, port: number): Child =>
  start(process.execPath, [join(from, "packages/server/bin/gatehouse.js"), "start"], {
    cwd: from,
    env: { PATH: process.env["PATH"], PORT: String(port), ...environment },
  });

async function endOf(child: Child): Promise<{ readonly code: number | null; readonly output: string }> {
  const { code } = await child.ended;
  return { code, output: child.output() };
}

/** Expects that the older build exits and names the breaking steps. */
async function expectRefused(
  folder: string,
  environment: Readonly<Record<string, string>>,
  steps: readonly string[],
  problems: string[],
): Promise<number | null> {
  const { code, output } = await endOf(build(folder, environment, await freePort()));
  if (code === 0 || !steps.every((step) => output.includes(step))) problems.push(`the older build ended with ${code}: ${output}`);
  return code;
}

async function withBuild<T>(
  from: string,
  environment: Readonly<Record<string, string>>,
  work: (http: HttpClient) => Promise<T>,
): Promise<T> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = build(from, environment, port);
  try {
    await eventually(
      async () => {
        if (!child.running) throw new Error(`the build of ${from} ended with ${child.code}:\n${child.output()}`);
        if (!(await fetch(`${url}/health/ready`)).ok) throw new Error(`the build of ${from} is not ready:\n${child.output()}`);
      },
      { withinMs: 60_000, unless: () => !child.running },
    );
    return await work(new HttpClient([url]));
  } finally {
    child.signal("SIGTERM");
    await child.ended;
  }
}

async function write(http: HttpClient): Promise<string> {
  const login = await http.must(200, `POST ${api}/auth/login`, { body: administrator });
  const name = `School ${unique()}`;
  const body = { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" };
  const made = await http.must(201, `POST ${api}/organizations`, { token: login.body.sessionToken, body });
  return made.body.id;
}

/** The smoke test of a build: a sign-in, the other build's data, a registration, a role, and decisions. */
async function readAndWrite(http: HttpClient, organizationId: string, problems: string[]): Promise<void> {
  const login = await http.must(200, `POST ${api}/auth/login`, { body: administrator });
  const token: string = login.body.sessionToken;
  const seen = await http.call(`GET ${api}/organizations/${organizationId}`, { token });
  if (seen.status !== 200) problems.push(`the older build answers ${seen.status} for what the newer has made`);
  const registration = {
    email: `older-${unique()}@example.com`,
    password: administrator.password,
    firstName: "A",
    lastName: "B",
    locale: "en",
  };
  await http.must(201, `POST ${api}/auth/register`, { body: registration });
  const own = await write(http);
  const role = await http.must(201, `POST ${api}/roles`, { token, body: { name: "Teacher", scope: "Organization", organizationId: own } });
  const roles = await http.must(200, `GET ${api}/roles?organizationId=${own}`, { token });
  if (!roles.body.items.some(({ id }: { id: string }) => id === role.body.id)) problems.push("the older build does not list its role");
  const userId: string = login.body.user.id;
  const ask = (tenantId: string) =>
    http.must(200, `POST ${api}/authorization/check`, { token, body: { userId, tenantId, actionType: "Organization.Update" } });
  for (const tenantId of [own, organizationId]) {
    await eventually(
      async () => {
        if (!(await ask(tenantId)).body.isAuthorized) throw new Error(`the older build denies the owner in ${tenantId}`);
      },
      { withinMs: 10_000 },
    ).catch((error: Error) => problems.push(error.message));
  }
}
