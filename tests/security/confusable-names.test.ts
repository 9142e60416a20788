/** Attack 53 of docs/security/attacks.md. */
import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { unique } from "@gatehouse/testing/people.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { reservedSlugs } from "../../packages/server/src/modules/organization/tenancy/names.ts";
import { checkNames } from "../../packages/server/src/runtime/cli/doctor/names.ts";

const world = World.ofSuite(["other"]);
const { server } = world;

/** Names that look like `Payroll <end>`. */
const alike = (end: string): readonly string[] => [
  `payroll ${end}`,
  `PAYROLL ${end.toUpperCase()}`,
  ` Payroll  ${end} `,
  `Payroll\u00a0${end}`,
  `Pay\u200broll ${end}`,
  `Payroll ${end}\u2060`,
  `\u202aPayroll ${end}\u202c`,
  `Payroll ${end}\ufe0f`,
  `Рауrоll ${end}`,
  `Ｐａｙｒｏｌｌ ${end}`,
  `𝐏𝐚𝐲𝐫𝐨𝐥𝐥 ${end}`,
  `Payro11 ${end}`,
];
const invisible = ["\u200b", "\u3164", "\u2800", "\u00ad\u2060", "\u{e0041}"];

describe.each(["organization", "role"] as const)("the name of an %s", (kind) => {
  const create = (name: string) =>
    kind === "organization"
      ? server.call("POST /api/v1/iam/organizations", {
          token: world.own.owner.token,
          body: { name, slug: `s-${unique()}`, country: "VN" },
        })
      : server.call("POST /api/v1/iam/roles", {
          token: world.own.owner.token,
          body: { name, scope: "Organization", organizationId: world.own.id },
        });
  const rename = (id: string, change: object) =>
    server.call(`PUT /api/v1/iam/${kind === "organization" ? "organizations" : "roles"}/${id}`, {
      token: world.own.owner.token,
      body: change,
    });
  const taken = kind === "organization" ? "tenancy.name_taken" : "access.role_name_taken";
  const expectConfusable = (answer: AnyBody) => {
    expectError(answer, 409, taken, "name");
    expect(answer.body.error.details[0].rule).toBe("confusable");
  };

  it("a name conflicts with every name that looks alike, on creation and on change", async () => {
    const end = unique();
    const first = await create(`Payroll ${end}`);
    expectWritten(first, 201);
    const other = await create(`Another ${unique()}`);
    for (const name of alike(end)) {
      expectConfusable(await withoutTrace(server, () => create(name)));
      expectConfusable(await withoutTrace(server, () => rename(other.body.id, { name })));
    }
    // A name does not conflict with itself.
    expectWritten(await rename(first.body.id, { name: `PAYROLL ${end}` }), 200);
    expectWritten(await rename(first.body.id, { name: `Payroll, renamed ${end}` }), 200);
    expectWritten(await create(`payroll ${end}`), 201);
  });

  it("a name without a visible character is refused", async () => {
    const { id } = (await create(`Seen ${unique()}`)).body;
    for (const name of invisible) {
      expectError(await withoutTrace(server, () => create(name)), 400, "common.validation_failed", "name");
      expectError(await withoutTrace(server, () => rename(id, { name })), 400, "common.validation_failed", "name");
    }
  });

  it("an existing conflicting name stays, and other fields can be changed", async () => {
    const [end, table] = [unique(), kind === "organization" ? "organizations" : "roles"];
    const [first, later] = [await create(`Payroll ${end}`), await create(`Another ${end}`)];
    const { owner } = server.application.platform.database;
    await sql`update ${sql.table(table)} set name = ${`PAYROLL ${end}`}, name_key = null, name_key_holder = ${first.body.id}
      where id = ${later.body.id}`.execute(owner);
    const change = kind === "organization" ? { country: "FR" } : { description: "Changed" };
    expectWritten(await rename(later.body.id, change), 200);
    const mark = async () =>
      (await sql<AnyBody>`select name_key, name_key_holder from ${sql.table(table)} where id = ${later.body.id}`.execute(owner)).rows[0];
    expect(await mark()).toEqual({ name_key: null, name_key_holder: first.body.id });
    const [finding] = (await checkNames(server.application.platform.database)).filter(({ what }) => what.startsWith(`${table}: `));
    expect(finding).toEqual({ ok: true, warning: true, what: expect.stringContaining(later.body.id) });
    expectWritten(await rename(later.body.id, { name: `Free ${end}` }), 200);
    expect(await mark()).toMatchObject({ name_key_holder: null });
    expect(await checkNames(server.application.platform.database)).toEqual([]);
  });
});

describe("a role", () => {
  it("a role cannot be named like a system role, by cloning either, but like a role of another organization", async () => {
    const { owner, id, roles } = world.own;
    for (const name of ["OWNER", "Οwner", "Ｏｗｎｅｒ", "0wner", "Own\u200ber", "аdmin"]) {
      const make = { token: owner.token, body: { name, scope: "Organization", organizationId: id } };
      expectError(await withoutTrace(server, () => server.call("POST /api/v1/iam/roles", make)), 409, "access.role_name_taken", "name");
      const clone = () => server.call(`POST /api/v1/iam/roles/${roles["Member"]}/clone`, { token: owner.token, body: { name } });
      expectError(await withoutTrace(server, clone), 409, "access.role_name_taken", "name");
    }
    const name = `Shared ${unique()}`;
    for (const tenant of [world.own, world.other]) {
      const body = { name, scope: "Organization", organizationId: tenant.id };
      expectWritten(await server.call("POST /api/v1/iam/roles", { token: tenant.owner.token, body }), 201);
    }
  });
});

describe("a permission", () => {
  it("is one with all that look alike, and the product's own take precedence", async () => {
    const define = (value: string) =>
      server.call("POST /api/v1/iam/permissions", { token: world.administrator.token, body: { value, scope: "Organization" } });
    const end = unique();
    expectWritten(await define(`Report${end}`), 201);
    for (const value of [`report${end}`, `REPORT${end}`, `Rep0rt${end}`, "organization.update", "Organizati0n.Update"])
      expectError(await withoutTrace(server, () => define(value)), 409, "access.permission_taken", "value");
  });
});

describe("a slug", () => {
  const create = (slug: string) =>
    server.call("POST /api/v1/iam/organizations", {
      token: world.own.owner.token,
      body: { name: `Slug ${unique()}`, slug, country: "VN" },
    });
  const rename = (slug: string) =>
    server.call(`PUT /api/v1/iam/organizations/${world.own.id}`, { token: world.own.owner.token, body: { slug } });

  it("a reserved slug and one that looks like it are refused", async () => {
    for (const slug of ["admin", "api", "www", "login", "support", "l0gin", "1ogin", "vvww", "adrnin", "r00t"]) {
      for (const attempt of [() => create(slug), () => rename(slug)]) {
        const answer = await withoutTrace(server, attempt);
        expectError(answer, 400, "common.validation_failed", "slug");
        expect(answer.body.error.details[0].rule).toBe("reserved");
      }
    }
  });

  it("a slug is reserved when a path of the product begins with it", async () => {
    // The first path segments of all routes.
    const routes = server.http.printRoutes({ commonPrefix: false }).split("\n");
    const firsts = new Set(routes.flatMap((line) => /^ {4}[├└]── \.?([\w-]+)/.exec(line)?.[1] ?? []));
    expect(firsts.size).toBeGreaterThan(8);
    const reserved: readonly string[] = reservedSlugs;
    expect([...firsts].filter((first) => !reserved.includes(first))).toEqual([]);
  });

  it("is one with all that look alike", async () => {
    const end = unique().replaceAll("1", "7");
    expectWritten(await create(`modern-lo-${end}`), 201);
    for (const slug of [`modern-l0-${end}`, `modern-1o-${end}`, `rnodern-10-${end}`])
      for (const attempt of [() => create(slug), () => rename(slug)]) {
        const answer = await withoutTrace(server, attempt);
        expectError(answer, 409, "tenancy.slug_taken", "slug");
        expect(answer.body.error.details[0].rule).toBe("confusable");
      }
    expectError(await create(`modern-lo-${end}`), 409, "tenancy.slug_taken", "slug");
    for (const slug of [`módern-${end}`, `mоdern-${end}`, `MODERN-${end}`, `ｍodern-${end}`, `modern\u200b-${end}`, `xn--mdern-${end}`])
      expectError(await withoutTrace(server, () => create(slug)), 400, "common.validation_failed", "slug");
  });

  it("a slug that was taken before it was reserved stays valid", async () => {
    const { owner } = server.application.platform.database;
    await sql`update organizations set slug = 'status' where id = ${world.own.id}`.execute(owner);
    expectWritten(await rename("status"), 200);
  });
});

describe("the source of a record", () => {
  it.each(["Gatehouse", "Gаtehouse", "gatehou\u200bse", " GATEHOUSE "])("is not the product itself: %j", async (source) => {
    const body = { organizationId: world.own.id, source, action: "tested" };
    const record = () => server.call("POST /api/v1/audit/events", { token: world.own.owner.token, body });
    expectError(await withoutTrace(server, record), 400, "common.validation_failed", "source");
  });
});
