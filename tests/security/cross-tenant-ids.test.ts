/** Attacks 5 and 20 of docs/security/attacks.md. */
import { randomUUID } from "node:crypto";
import { issueOf } from "@gatehouse/testing/answers.ts";
import { routesOf, type Sample, sendRequest } from "@gatehouse/testing/requests.ts";
import { operationsWithoutSample, sampleOf, samples } from "@gatehouse/testing/samples.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { leavesNoTrace } from "@gatehouse/testing/stored-rows.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";
import type { Operation } from "../../packages/server/src/operation/declaration/operation.ts";

const world = World.ofSuite(twoTenants);
const { server } = world;

type Ids = (world: World) => readonly string[];

/** The other tenant's values of each id field. A field that is not listed fails the test. */
const foreign: Readonly<Record<string, Ids>> = {
  organizationId: ({ other }) => [other.id],
  tenantId: ({ other }) => [other.id],
  membershipId: ({ other }) => [other.membershipIds.owner, other.membershipIds.member],
  invitationId: ({ other }) => [other.invitation.id],
  roleId: ({ other }) => [other.customRoleId, other.roles["Owner"] as string],
  roleIds: ({ other }) => [other.customRoleId, other.roles["Owner"] as string],
  sessionId: ({ other }) => [other.sessionId],
  userId: ({ other }) => [other.member.id],
  grantId: ({ other }) => [other.grantId],
  exportId: ({ other }) => [other.exportId],
  jti: ({ other }) => [other.exchangedTokenId],
  sid: ({ other }) => [other.sessionId],
  tokenId: ({ other }) => [other.exchangedTokenId],
  serviceAccountId: ({ other }) => [other.serviceAccountId],
  apiKeyId: ({ other }) => [other.apiKeyId],
  clientId: ({ other }) => [other.clientId],
  secretId: ({ other }) => [other.secretId],
  ownerId: ({ other }) => [other.owner.id, other.serviceAccountId],
};

/** Id fields that belong to no tenant, with the reason. */
const ofNoTenant: Readonly<Record<string, string>> = {
  permissionId: "permission definitions are the product's vocabulary and belong to no tenant",
  logoAssetId: "there are no assets yet: the id is kept as it was given",
};

/** AuthZEN's ids are texts of any type, so its schemas do not say which are ids of the product. */
const asker = [
  ["subject", "id"],
  ["subject", "properties", "tenantId"],
];
const idsInText: Readonly<Record<string, readonly string[][]>> = {
  "authzen.evaluate": asker,
  "authzen.evaluateMany": asker,
  "authzen.searchSubjects": asker,
  "authzen.searchResources": asker,
  "authzen.searchActions": asker,
};

const idsOf = (operation: Operation): readonly string[][] => idsInText[operation.name] ?? idsIn(operation.input);

/** The paths of the ids in an operation's input: `roleIds.0`, `checks.0.userId`. */
function idsIn(schema: AnyBody, at: readonly string[] = []): string[][] {
  if (schema.format === "uuid") return [[...at]];
  const inner: string[][] = [];
  for (const [name, property] of Object.entries(schema.properties ?? {})) inner.push(...idsIn(property, [...at, name]));
  for (const member of schema.anyOf ?? []) inner.push(...idsIn(member, at));
  if (schema.items) inner.push(...idsIn(schema.items, [...at, "0"]));
  return inner;
}

const nameOf = (path: readonly string[]): string =>
  path.join(".") === "subject.id" ? "userId" : (path.findLast((part) => part !== "0") as string);

/** `input` with `value` at `path`; `roleIds` replaces `roleId`, which it excludes. */
function having(input: Sample["input"], path: readonly string[], value: string): Record<string, unknown> {
  const copy = structuredClone(input) as Record<string, unknown>;
  if (path[0] === "roleIds") delete copy["roleId"];
  let place: AnyBody = copy;
  for (const [index, part] of path.slice(0, -1).entries()) {
    place[part] ??= path[index + 1] === "0" ? [] : {};
    place = place[part];
  }
  place[path.at(-1) as string] = value;
  return copy;
}

/** An answer without the parts that differ between equal answers: the given ids and generated values. */
function comparable(answer: Answer<AnyBody>, ids: readonly string[]): string {
  let body = JSON.stringify(answer.body, (name, value) => (["traceId", "decisionId", "revision"].includes(name) ? "<new>" : value)) ?? "";
  for (const id of ids) body = body.replaceAll(id, "<id>");
  const headers = Object.keys(answer.headers).sort().join(" ");
  return `${answer.status} ${body} ${headers}`;
}

/** Requests about oneself are sent as the caller. */
function asCaller(input: Sample["input"], token: string | undefined): Sample["input"] {
  const { own, both } = world;
  if (token !== both.sessionForOwn) return input;
  return JSON.parse(JSON.stringify(input).replaceAll(own.owner.id, both.person.id));
}

/** The callers. Internal administrators may read every tenant's settings and users and set plans, but not assign a tenant's roles. */
const callers: Readonly<Record<string, (world: World, sample: Sample) => string | undefined>> = {
  "a member who may do it in their own": (_world, sample) => sample.token,
  "an owner": ({ own }) => own.owner.token,
  "an admin, who does not hold everything": ({ own }) => own.admin.token,
  "a member": ({ own }) => own.member.token,
  "an owner of both, with a session for their own": ({ both }) => both.sessionForOwn,
};

const seesEveryTenant = (operation: Operation, name: string): boolean =>
  operation.name.startsWith("identity.") ||
  operation.name.startsWith("entitlements.") ||
  operation.name.startsWith("audit.") ||
  [
    "sessions.endSessionsOfUser",
    "tenancy.setUserStatus",
    "authentication.resendMail",
    "tokens.issueTokens",
    "tokens.revokeTokens",
  ].includes(operation.name) ||
  (name === "userId" && operation.name.includes("nternal"));

const actsInEveryTenant = ({ name }: Operation, token: string | undefined, sample: Sample): boolean =>
  token === world.administrator.token || (name === "tokens.issueTokens" && token === sample.token);

interface Case {
  readonly what: string;
  readonly token: string | undefined;
  readonly input: (pick: (name: string, which: number) => string) => Sample["input"];
  readonly variants: number;
}

function casesOf(operation: Operation, sample: Sample): Case[] {
  const paths = idsOf(operation).filter((path) => ofNoTenant[nameOf(path)] === undefined);
  const tokens = new Map(Object.entries(callers).map(([who, of]) => [of(world, sample), who]));
  const fields = [...paths.map((path) => [path]), ...(paths.length > 1 ? [paths] : [])];
  return [...tokens].flatMap(([token, who]) =>
    fields
      .filter((group) => !actsInEveryTenant(operation, token, sample) || !group.some((path) => seesEveryTenant(operation, nameOf(path))))
      .map((group) => ({
        what: `${operation.http}, ${group.map((path) => path.join(".")).join(" and ")} of another tenant, asked by ${who}`,
        token,
        variants: Math.max(...group.map((path) => (foreign[nameOf(path)] as Ids)(world).length)),
        input: (pick) =>
          group.reduce<Sample["input"]>((input, path, at) => having(input, path, pick(nameOf(path), at)), asCaller(sample.input, token)),
      })),
  );
}

describe("another tenant's id", () => {
  it("every route has a sample request", () => {
    expect(operationsWithoutSample(server)).toEqual([]);
    expect(Object.keys(samples).filter((name) => !server.application.kernel.catalogue.byName.has(name))).toEqual([]);
  });

  it("every id of every route has a foreign value", () => {
    const names = routesOf(server).flatMap((operation) => idsOf(operation).map(nameOf));
    expect([...new Set(names)].filter((name) => !(name in foreign) && !(name in ofNoTenant))).toEqual([]);
  });

  it("another tenant's id is answered like an unknown id on every route, and leaves no trace", { timeout: 180_000 }, async () => {
    const different: string[] = [];
    let compared = 0;
    for (const operation of routesOf(server)) {
      if (idsOf(operation).length === 0) continue;
      const sample = await sampleOf(world, operation.name);
      await leavesNoTrace(server, operation.name, async () => {
        for (const one of casesOf(operation, sample)) {
          for (let variant = 0; variant < one.variants; variant += 1) {
            const used: string[] = [];
            const remember = (id: string): string => {
              used.push(id);
              return id;
            };
            const theirs = await sendRequest(server, operation, {
              token: one.token,
              input: one.input((name) => {
                const ids = (foreign[name] as Ids)(world);
                return remember(ids[variant % ids.length] as string);
              }),
            });
            const unknown = await sendRequest(server, operation, { token: one.token, input: one.input(() => remember(randomUUID())) });
            compared += 1;
            const issue = issueOf(theirs) ?? issueOf(unknown);
            if (issue) different.push(`${one.what}: ${issue}`);
            const [their, none] = [comparable(theirs, used), comparable(unknown, used)];
            if (their !== none) different.push(`${one.what}:\n    theirs  ${their}\n    unknown ${none}`);
          }
        }
      });
    }
    expect(different.join("\n")).toBe("");
    expect(compared).toBeGreaterThan(100);
  });
});
