/**
 * The minimum of a command: the statements of the product's command, prepared, in one transaction on the same tables, behind a Fastify
 * route. No authentication, no authorization, no validation, no row-level security.
 */
import { randomUUID } from "node:crypto";
import { hash } from "@node-rs/argon2";
import Fastify from "fastify";
import pg from "pg";
import { portOf, ready, variable } from "./life.ts";

const pool = new pg.Pool({ connectionString: variable("DATABASE_URL"), max: Number(variable("POOL_SIZE")) });
const [memoryCost, timeCost, parallelism] = variable("ARGON2").split(",").map(Number) as [number, number, number];
// The library's `Algorithm.Argon2id`: an ambient const enum, which type stripping cannot import.
const argon2id = 2;

type Run = (name: string, text: string, values: unknown[]) => Promise<Record<string, unknown>[]>;

async function inTransaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await work(async (name, text, values) => (await client.query({ name, text, values })).rows);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

/** The side effects of every command: an event and an audit entry. */
async function event(run: Run, type: string, subject: string, organizationId: string | null, data: object): Promise<void> {
  await run("event", "insert into events (id, type, subject, organization_id, data, occurred_at) values ($1, $2, $3, $4, $5, now())", [
    randomUUID(),
    type,
    subject,
    organizationId,
    JSON.stringify(data),
  ]);
}

async function entry(run: Run, operation: string, organizationId: string | null, entityId: string, input: object): Promise<void> {
  await run(
    "entry",
    `insert into audit_entries (id, operation, caller_kind, user_id, session_id, organization_id, input, ip_address, user_agent, trace_id,
      request_id, entity_id, occurred_at) values ($1, $2, 'user', $3, $4, $5, $6, '127.0.0.1', null, $7, $8, $9, now())`,
    [randomUUID(), operation, randomUUID(), randomUUID(), organizationId, JSON.stringify(input), randomUUID(), randomUUID(), entityId],
  );
}

const mail = (run: Run, template: string) =>
  run("mail", "insert into jobs.job (name, data) values ('notifications.send-mail', $1)", [
    // As long as the product's encrypted one.
    JSON.stringify({ template, locale: "en", sealed: "x".repeat(300) }),
  ]);

const app = Fastify();
const iam = "/api/v1/iam";

app.put<{ Params: { id: string }; Body: { name: string } }>(`${iam}/organizations/:id`, ({ params: { id }, body: { name } }) =>
  inTransaction(async (run) => {
    const [before] = await run("lock", "select * from organizations where id = $1 for update", [id]);
    const [row] = await run(
      "rename",
      "update organizations set name = $2, updated_at = now(), version = version + 1 where id = $1 returning id, name, slug, version",
      [id, name],
    );
    await event(run, "organization.settings_updated.v1", `organization/${id}`, id, { organizationId: id, ...row });
    await entry(run, "tenancy.updateOrganization", id, id, { name, before });
    return row;
  }),
);

app.post<{ Params: { id: string }; Body: { email: string; roleId: string } }>(
  `${iam}/organizations/:id/invitations`,
  ({ params: { id }, body: { email, roleId } }, reply) =>
    inTransaction(async (run) => {
      await run("organization", "select * from organizations where id = $1", [id]);
      await run("invitee", "select * from users where lower(email) = lower($1)", [email]);
      await run(
        "expire",
        "update invitations set status = 'Expired' where organization_id = $1 and lower(invitee_email) = lower($2) and status = 'Pending' and expires_at <= now()",
        [id, email],
      );
      const [row] = await run(
        "invite",
        `insert into invitations (id, organization_id, invitee_email, role_id, status, token, expires_at, created_at)
          values ($1, $2, $3, $4, 'Pending', $5, now() + interval '7 days', now()) returning id, invitee_email as email, status`,
        [randomUUID(), id, email, roleId, randomUUID()],
      );
      await run("offer", "insert into invitation_roles (invitation_id, role_id, organization_id) values ($1, $2, $3)", [
        row?.["id"],
        roleId,
        id,
      ]);
      await mail(run, "invitation");
      await event(run, "invitation.created.v1", `invitation/${row?.["id"]}`, id, { ...row, organizationId: id, email, roleIds: [roleId] });
      await entry(run, "tenancy.inviteMember", id, String(row?.["id"]), { roleId });
      reply.code(201);
      return row;
    }),
);

app.post<{ Body: { email: string; password: string; firstName: string; lastName: string } }>(
  `${iam}/auth/register`,
  async ({ body: { email, password, firstName, lastName } }, reply) => {
    const passwordHash = await hash(password, { algorithm: argon2id, memoryCost, timeCost, parallelism });
    return inTransaction(async (run) => {
      await run("known", "select * from users where lower(email) = lower($1) for update", [email]);
      const [row] = await run(
        "register",
        `insert into users (id, email, status, first_name, last_name, locale, created_at, updated_at)
          values ($1, $2, 'PendingConfirmation', $3, $4, 'en', now(), now()) returning id, email, status`,
        [randomUUID(), email, firstName, lastName],
      );
      await run(
        "registration",
        `with password as (
            insert into credentials (id, user_id, kind, secret, created_at) values ($1, $2, 'password', $3, now())
          )
          insert into one_time_tokens (hash, purpose, user_id, created_at, expires_at)
          values ($4, 'verify-email', $2, now(), now() + interval '1 day')`,
        [randomUUID(), row?.["id"], passwordHash, randomUUID()],
      );
      await mail(run, "verify-email");
      await event(run, "user.registered.v1", `user/${row?.["id"]}`, null, { userId: row?.["id"], email, firstName, lastName });
      await entry(run, "authentication.register", null, String(row?.["id"]), { locale: "en" });
      reply.code(201);
      return row;
    });
  },
);

await app.listen({ host: "127.0.0.1", port: 0 });
ready(portOf(app.server.address()), async () => {
  await app.close();
  await pool.end();
});
