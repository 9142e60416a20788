/** Attack 41 of docs/security/attacks.md. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { issueOf } from "@gatehouse/testing/answers.ts";
import { inForm, isLong } from "@gatehouse/testing/forms.ts";
import { inLanes } from "@gatehouse/testing/lanes.ts";
import { parametersOf, routesOf, type Sample, sendRequest } from "@gatehouse/testing/requests.ts";
import { operationsWithoutSample, sampleOf, samples } from "@gatehouse/testing/samples.ts";
import { type Answer, type AnyBody, backend } from "@gatehouse/testing/server.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Operation } from "../../packages/server/src/operation/declaration/operation.ts";
import { nameKey } from "../../packages/server/src/platform/names/name-key.ts";

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const file = join(process.env["GATEHOUSE_VECTORS"] ?? join(repository, "../shared/vectors"), "blns/blns.json");
const reason = `${file} is not there; GATEHOUSE_VECTORS names the folder with the test material`;
const found = existsSync(file);
if (!found) console.warn(`skipped: the naughty strings: ${reason}`);

/** Of our own: what breaks lengths, columns, texts and headers. Each is legal JSON. */
const ownStrings: readonly string[] = [
  "a\u0301".repeat(255),
  `a${"\u0301".repeat(300)}`,
  `a${"\u0301".repeat(5_000)}`,
  "👩‍👩‍👧‍👦".repeat(100),
  "👍".repeat(255),
  "ﷺ".repeat(255),
  "x".repeat(256),
  "\u0000",
  "a\u0000b",
  "\ud800",
  "a\udc00b",
  "\uffff\ufffe",
  "\u202e\u2066evil\u2069",
  "line\r\nBcc: someone@example.com",
  '"a\r\nBcc: x"@example.com',
  '"İ"@example.com',
  '"a b"@example.com',
  "K@example.com",
  "sh-x-abcde",
  "sh-u-co-eo",
  "en_US.UTF-8",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the string is meant as it stands
  "${jndi:ldap://example.com/a}",
  "'; drop table users; --",
  "\\",
  "%00",
  "%s%n%d",
  "{{7*7}}",
];

/** Fields that do not get every string of the list get one in this many: in the short form all of them, else some, each for a reason. */
const oneIn = inForm({ short: 36, long: 12 });
/** The fields with a reason get one in this many of our own strings; all others get each of these. */
const oneOfOwnIn = inForm({ short: 4, long: 1 });
const sparing: Readonly<Record<string, readonly string[]>> = {
  // Each accepted string is hashed with argon2, which takes 20 ms and more.
  "authentication.register": ["firstName", "lastName", "password"],
  "authentication.resetPassword": ["password", "token"],
  "authentication.verifyEmail": ["password", "newPassword", "token"],
  "authentication.login": ["password"],
  "authentication.setUp": ["firstName", "lastName", "password", "token"],
  // Each change of the permission tree recomputes what every role gives; descriptions of roles get every string.
  "access.createPermission": ["description"],
  "access.updatePermission": ["description"],
  // As the first name.
  "identity.updateMe": ["lastName"],
  // Columns that get every string from another operation: a role's from createRole, an organization's from its update.
  "access.updateRole": ["name", "description"],
  "tenancy.createOrganization": ["name"],
  "access.cloneRole": ["name", "description"],
  // Stored as createGrant stores the resource's id, or only searched.
  "access.createGrant": ["relation", "resource.type", "subject.type", "subject.id", "subject.relation"],
  // Texts of one schema, each stored like `entityId` and `userName`, or only searched.
  "audit.recordEvent": ["source", "action", "failureReason", "userId", "sessionId", "entityType", "timestamp", "ipAddress", "userAgent"],
  "audit.startExport": ["actorId", "principalId", "credentialId", "action", "entityType", "entityId", "traceId", "from", "to"],
  "audit.erasePerson": ["userId", "email"],
  "access.revokeGrants": ["resource.type", "resource.id", "subject.type", "subject.id", "subject.relation"],
};
/** True if the schema refuses every string before any other check. */
const isClosed = (schema: AnyBody): boolean =>
  schema.format === "uuid" ||
  schema.enum !== undefined ||
  (schema.anyOf ?? []).some(isClosed) ||
  (schema.items !== undefined && isClosed(schema.items));

/** The operation whose texts get every string in the short form too, because their columns are compared afterwards. */
const compared = "access.createRole";

/** Fields whose valid requests cost a mail or a sign-in, so that few are sent. */
const lanes = 2;

interface Target {
  readonly field: string;
  /** The schema as text: equal schemas refuse the same strings. */
  readonly schema: string;
  readonly put: (input: Sample["input"], text: string) => Sample["input"];
}

/** The string fields of an input, those in lists and in lists of objects too. */
function targetsOf(operation: Operation): Target[] {
  const inside = (schema: AnyBody, field: string, put: Target["put"]): Target[] => {
    if (schema.type === "string" || schema.anyOf?.some((one: AnyBody) => one.type === "string"))
      return [{ field, schema: JSON.stringify(schema), put }];
    if (schema.items) return inside(schema.items, `${field}.0`, (input, text) => put(input, [text] as never));
    return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
      inside(inner, `${field}.${name}`, (input, text) => put(input, { ...(input[field] as object), [name]: text } as never)),
    );
  };
  return Object.entries(operation.input.properties).flatMap(([name, schema]) =>
    inside(schema, name, (input, text) => {
      // One request stores the string in both columns that are compared.
      if (operation.name === compared && name === "name") return { ...input, name: text, description: text };
      const { roleId, ...rest } = input;
      return name === "roleIds" ? { ...rest, [name]: text } : { ...rest, ...(roleId === undefined ? {} : { roleId }), [name]: text };
    }),
  );
}

// The suite creates thousands of entities in one organization.
const quotas = {
  GATEHOUSE_QUOTA_ORGANIZATIONS: "100000",
  GATEHOUSE_QUOTA_ROLES: "100000",
  GATEHOUSE_QUOTA_INVITATIONS: "100000",
  GATEHOUSE_QUOTA_SERVICE_ACCOUNTS: "100000",
  GATEHOUSE_QUOTA_API_KEYS: "100000",
  GATEHOUSE_QUOTA_CLIENTS: "100000",
};
const world = World.ofSuite(twoTenants, quotas);
const { server } = world;

const isWrite = (operation: Operation): boolean => operation.kind === "command";
const secrets = new Set(["password", "token"]);
/** Stored in a canonical form, such as a locale. */
const canonical = new Set(["locale"]);

/** Why the answer to `text` in `target` is wrong, or undefined: it must be stored to the byte or refused. */
function complaint(answer: Answer<AnyBody>, target: Target, text: string): string | undefined {
  const issue = issueOf(answer);
  if (issue) return issue;
  if (answer.status >= 400 || secrets.has(target.field) || canonical.has(target.field)) return undefined;
  const kept = target.field.split(".").reduce((value, name) => value?.[name], answer.body);
  // Open: PGlite's decoder drops a byte order mark at the beginning of each text that it reads; PostgreSQL's does not.
  if (backend === "pglite" && text.startsWith("\ufeff") && kept === text.slice(1)) return undefined;
  return kept === undefined || kept === text || target.field.endsWith(".0") ? undefined : `kept ${JSON.stringify(kept)}`;
}

/** What each schema has refused, by the schema: at further places with it, one in {@link oneIn} of these is tried again. */
type Refused = Map<string, Set<string>>;

const refusedBySchema = ({ status, body }: Answer<AnyBody>, field: string): boolean =>
  status === 400 && body.error.code === "common.validation_failed" && body.error.details.some((one: AnyBody) => one.field === field);

/** Every string once in the field, in lanes that each have a request of their own. */
async function tryStrings(
  operation: Operation & { http: string },
  target: Target,
  strings: readonly string[],
  refused: Refused,
): Promise<{ readonly accepted: ReadonlySet<string>; readonly wrong: string[] }> {
  const accepted = new Set<string>();
  const wrong: string[] = [];
  const before = refused.get(target.schema);
  const here = new Set<string>();
  const fresh = new Map<number, Sample>();
  const tried = strings.filter((text, index) => index % oneIn === 0 || !before?.has(text));
  await inLanes(tried, lanes, async (text, lane) => {
    if (parametersOf(operation).includes(target.field) && (!text.isWellFormed() || /^\.{0,2}$/.test(text))) return;
    const sample = fresh.get(lane) ?? (await sampleOf(world, operation.name));
    fresh.set(lane, sample);
    const answer = await sendRequest(server, operation, { ...sample, input: target.put(sample.input, text) });
    const issue = complaint(answer, target, text);
    if (issue) wrong.push(`${operation.http} ${target.field} = ${JSON.stringify(text).slice(0, 200)}: ${issue}`);
    if (refusedBySchema(answer, target.field)) here.add(text);
    if (answer.status < 300) {
      accepted.add(text);
      if (!samples[operation.name]?.again) fresh.delete(lane);
    }
  });
  refused.set(target.schema, new Set([...(before ?? []), ...here]));
  return { accepted, wrong };
}

interface Round {
  readonly all: readonly string[];
  readonly isOwn: boolean;
  /** Strings that the compared operation has stored already. */
  readonly stored: ReadonlySet<string>;
  readonly targetsBefore: number;
}

/** The strings that a field gets. Each field gets others of those that it shares, so that every string is used. */
function stringsFor(operation: Operation, { field }: Target, { all, isOwn, stored, targetsBefore }: Round): readonly string[] {
  if (operation.name === compared && field === "name") return all;
  if (operation.name === compared && field === "description") return all.filter((text) => !stored.has(text));
  const isSparing = sparing[operation.name]?.includes(field) === true;
  const isFew = isSparing || (!isOwn && (!isLong || isClosed(operation.input.properties[field.split(".")[0] as string])));
  const one = isOwn ? oneOfOwnIn : oneIn;
  return isFew ? all.filter((_, index) => (index + targetsBefore) % one === 0) : all;
}

/** How often each field's string is to be found in the database afterwards, as the bytes that were sent. */
async function kept(table: string, column: string): Promise<Set<string>> {
  const rows = await server.application.platform.database.owner.selectFrom(table).select(column).execute();
  return new Set(rows.map((row) => row[column] as string));
}

describe("naughty strings", () => {
  it("every route has a sample request", () => {
    expect(operationsWithoutSample(server)).toEqual([]);
  });

  async function everywhere(all: readonly string[]): Promise<void> {
    const wrong: string[] = [];
    let accepted = 0;
    let targetsBefore = 0;
    let stored: ReadonlySet<string> = new Set();
    const refused: Refused = new Map();
    const isOwn = all === ownStrings;
    for (const operation of routesOf(server).filter(isWrite)) {
      for (const target of targetsOf(operation)) {
        const strings = stringsFor(operation, target, { all, isOwn, stored, targetsBefore });
        targetsBefore += 1;
        const outcome = await tryStrings(operation, target, strings, refused);
        if (operation.name === compared && target.field === "name") stored = outcome.accepted;
        accepted += outcome.accepted.size;
        wrong.push(...outcome.wrong);
      }
    }
    expect(wrong.join("\n")).toBe("");
    expect(accepted).toBeGreaterThan(all.length);
    const [roles, descriptions, firstNames] = [
      await kept("roles", "name"),
      await kept("roles", "description"),
      await kept("users", "first_name"),
    ];
    const storable = all.filter((text) => !text.includes("\u0000") && text.isWellFormed() && [...text].length <= 255);
    expect(storable.filter((text) => !descriptions.has(text) && !text.startsWith("\ufeff"))).toEqual([]);
    // Of names that look alike only the first is accepted (attack 53).
    const looks = new Set([...roles].map(nameKey));
    const named = storable.filter((text) => nameKey(text) !== "");
    expect(named.filter((text) => !looks.has(nameKey(text)))).toEqual([]);
    expect(named.filter((text) => roles.has(text)).length).toBeGreaterThanOrEqual(new Set(named.map(nameKey)).size);
    expect(firstNames.size).toBeGreaterThan(5);
  }

  // The strings of our own are tried on PostgreSQL, too; the list takes a minute, and is the same texts to both.
  it.skipIf(!found || backend === "postgresql")(
    `every string field of every write stores the strings of the list to the byte or refuses them${found ? "" : ` (skipped: ${reason})`}`,
    { timeout: 600_000 },
    () => everywhere([...new Set(JSON.parse(readFileSync(file, "utf8")) as string[])]),
  );

  it("every string field of every write stores our own strings to the byte or refuses them", { timeout: 240_000 }, () =>
    everywhere(ownStrings),
  );

  it("strings that are not UTF-8 are refused or stored unchanged", async () => {
    for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0xc0, 0x80]]) {
      const name = Buffer.from(bytes);
      const payload = Buffer.concat([
        Buffer.from('{"name":"x'),
        name,
        Buffer.from(`y","scope":"Organization","organizationId":"${world.own.id}"}`),
      ]);
      const response = await server.http.inject({
        method: "POST",
        url: "/api/v1/iam/roles",
        headers: { authorization: `Bearer ${world.own.owner.token}`, "content-type": "application/json" },
        payload,
      });
      expect(response.statusCode, response.body).toBe(400);
    }
  });
});

/** Values for a schema: mostly valid, sometimes not. */
function valuesFor(schema: AnyBody, ids: readonly string[]): fc.Arbitrary<unknown> {
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: "binary" }),
    fc.constantFrom(null, "", -1, 1e308, "\u0000", [], {}, "\ud800"),
  );
  const mostly = (right: fc.Arbitrary<unknown>) => fc.oneof({ weight: 5, arbitrary: right }, { weight: 1, arbitrary: anything });
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one: AnyBody) => valuesFor(one, ids)));
  if (schema.enum) return mostly(fc.constantFrom(...schema.enum));
  if (schema.type === "integer") return mostly(fc.integer({ min: -10, max: 300 }));
  if (schema.type === "boolean") return mostly(fc.boolean());
  if (schema.type === "null") return mostly(fc.constant(null));
  if (schema.type === "array") return mostly(fc.array(valuesFor(schema.items, ids), { maxLength: 4 }));
  if (schema.type === "string") {
    if (schema.format === "uuid") return mostly(fc.oneof(fc.constantFrom(...ids), fc.uuid()));
    if (schema.format === "email") return mostly(fc.emailAddress());
    if (schema.pattern) return mostly(fc.oneof(fc.stringMatching(new RegExp(schema.pattern)), fc.string({ unit: "grapheme" })));
    return mostly(fc.oneof(fc.string({ unit: "grapheme", maxLength: 300 }), fc.string({ unit: "binary", maxLength: 50 })));
  }
  if (schema.type === "object" && schema.properties) {
    const members = Object.entries(schema.properties).map(([name, one]) => [
      name,
      fc.option(valuesFor(one, ids), { nil: undefined, freq: 4 }),
    ]);
    return fc.record(Object.fromEntries(members));
  }
  return anything;
}

describe("generated requests", () => {
  // Schemas and validation are the same on every database.
  it.skipIf(backend === "postgresql")(
    "requests generated from the schema of every operation are never answered with 5xx or internals",
    {
      timeout: 180_000,
    },
    async () => {
      const { own, other, administrator } = world;
      const ids = [
        own.id,
        other.id,
        own.customRoleId,
        own.membershipIds.member,
        other.invitation.id,
        own.member.id,
        other.sessionId,
        administrator.id,
      ];
      const wrong: string[] = [];
      const loggedBefore = server.logged.length;
      for (const operation of routesOf(server)) {
        // Each run needs a user whom the one before has not suspended.
        const sample = await sampleOf(world, operation.name);
        const parameters = parametersOf(operation);
        const hashes = operation.name in sparing || operation.name === "tenancy.setUserStatus";
        await fc
          .assert(
            fc.asyncProperty(valuesFor(operation.input, ids) as fc.Arbitrary<Record<string, unknown>>, async (generated) => {
              const input: Record<string, unknown> = {};
              for (const [name, value] of Object.entries(generated)) if (value !== undefined) input[name] = value;
              for (const name of parameters) {
                const text = String(input[name]);
                if (input[name] === undefined || !text.isWellFormed()) input[name] = sample.input[name];
              }
              // These would end the sessions that the run needs, so they never get a valid id.
              if (operation.name === "sessions.logout") input["x"] = 1;
              const answer = await sendRequest(server, operation, { token: sample.token, input });
              const issue = issueOf(answer);
              if (issue) wrong.push(`${operation.http} ${JSON.stringify(input)}: ${issue}`);
              return issue === undefined;
            }),
            // The seed is fixed, so that failures are reproducible; FAST_CHECK_SEED sets another one.
            {
              numRuns: hashes ? inForm({ short: 6, long: 40 }) : inForm({ short: 12, long: 100 }),
              seed: Number(process.env["FAST_CHECK_SEED"] ?? 20),
              endOnFailure: true,
              verbose: 0,
            },
          )
          .catch(() => undefined);
      }
      expect(wrong.join("\n")).toBe("");
      expect(
        server.logged
          .slice(loggedBefore)
          .filter((line) => line.message === "a request failed")
          .map((line) => line.err?.message),
      ).toEqual([]);
    },
  );
});
