import { deepStrictEqual } from "node:assert";
import { inviteMember, makeOrganization } from "../fixture.ts";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { startOnPostgres } from "../lib/gatehouse-on-postgres.ts";
import { type Answer, expectAnswer, send, WrongAnswer } from "../lib/http.ts";
import { startReference } from "../lib/reference.ts";
import type { Side } from "../lib/side.ts";
import { type Sides, sideBySide } from "../lib/side-by-side.ts";

const requirement = "p95 below 200 ms, 1000 queries/s";
/** In addition to the owner and the first member. */
const furtherMembers = 18;
/** Enough that the server always has a request waiting, few enough to be a pool's. */
const connections = 32;
/** The size of the product's pool. */
const poolSize = 10;

/** A query, and the SELECT on the same tables with the same answer. */
interface Query {
  path(organizationId: string): string;
  route: string;
  select: string;
  list: boolean;
  /** JSON Schema of the answer, for the reference's serializer. */
  answer: object;
}

const text = { type: "string" };
const optionalText = { type: ["string", "null"] };
const whole = { type: "integer" };
const moment = { type: "string", format: "date-time" };
const object = (properties: Record<string, object>) => ({ type: "object", properties });

const organization: Query = {
  path: (id) => `/api/v1/iam/organizations/${id}`,
  route: "/api/v1/iam/organizations/:id",
  select: `select id, name, slug, status, country, logo_asset_id as "logoAssetId", created_at as "createdAt", updated_at as "updatedAt", version
    from organizations where id = $1`,
  list: false,
  answer: object({
    id: text,
    name: text,
    slug: text,
    status: text,
    country: text,
    logoAssetId: optionalText,
    createdAt: moment,
    updatedAt: moment,
    version: whole,
  }),
};

const members: Query = {
  path: (id) => `/api/v1/iam/organizations/${id}/memberships`,
  route: "/api/v1/iam/organizations/:id/memberships",
  select: `select m.id, m.user_id as "userId", m.organization_id as "organizationId", m.role_id as "roleId",
      array(select json_build_object('id', r.id, 'name', r.name) from role_assignments a join roles r on r.id = a.role_id
        where a.user_id = m.user_id and a.organization_id = m.organization_id order by r.id) as roles,
      m.joined_at as "joinedAt", m.version,
      json_build_object('email', u.email, 'firstName', u.first_name, 'lastName', u.last_name, 'status', u.status) as user
    from memberships m join users u on u.id = m.user_id where m.organization_id = $1 order by m.id limit 51`,
  list: true,
  answer: object({
    items: {
      type: "array",
      items: object({
        id: text,
        userId: text,
        organizationId: text,
        roleId: text,
        roles: { type: "array", items: object({ id: text, name: text }) },
        joinedAt: moment,
        version: whole,
        user: object({ email: text, firstName: text, lastName: text, status: text }),
      }),
    },
    nextCursor: optionalText,
  }),
};

export const queryOrganization: Benchmark = {
  name: "query-organization",
  compares: "GET organizations/:id against a bare Fastify route with one prepared SELECT on the same row",
  unit: "req/s",
  direction: "atLeast",
  requirement,
  run: (bench) => sideBySide(bench, (fresh) => setUp(fresh, organization)),
};

export const queryMembers: Benchmark = {
  name: "query-members",
  compares: `GET organizations/:id/memberships of ${furtherMembers + 2} against a bare Fastify route with one prepared SELECT on the same tables`,
  unit: "req/s",
  direction: "atLeast",
  requirement,
  run: (bench) => sideBySide(bench, (fresh) => setUp(fresh, members)),
};

async function setUp(bench: Bench, query: Query): Promise<Sides> {
  const { api, admin, url, child, databaseUrl } = await startOnPostgres(bench);
  const { id, owner, roleId } = await makeOrganization(api, admin);
  for (let index = 0; index < furtherMembers; index += 1) await inviteMember(api, owner.token, id, roleId);
  const request = { method: "GET" as const, path: query.path(id), headers: { authorization: `Bearer ${owner.token}` } };
  const right = await send(url, request);
  expectAnswer("gatehouse", right, 200);
  const side = { connections, questions: [{ request, expect: sameAs(right) }] };
  const reference = await startReference(bench.scope, "select.ts", {
    DATABASE_URL: databaseUrl,
    POOL_SIZE: String(poolSize),
    ROUTE: query.route,
    SELECT: query.select,
    LIST: query.list ? "yes" : "no",
    ANSWER_SCHEMA: JSON.stringify(query.answer),
  });
  const ours: Side = { ...side, name: "gatehouse", url, pid: child.pid };
  return { ours, reference: { ...side, name: `one SELECT, pool of ${poolSize}`, url: reference.url, pid: reference.child.pid } };
}

/** Both sides must answer the same document, field by field. */
function sameAs(right: Answer): (answer: Answer) => void {
  const wanted: unknown = JSON.parse(right.text);
  return (answer) => {
    expectAnswer("query", answer, 200);
    try {
      deepStrictEqual(JSON.parse(answer.text), wanted);
    } catch {
      throw new WrongAnswer("query", `the product's first answer, ${right.text.slice(0, 600)}…`, answer);
    }
  };
}
