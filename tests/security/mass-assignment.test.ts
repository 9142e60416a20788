/** Attack 25 of docs/security/attacks.md. */
import { randomUUID } from "node:crypto";
import { issueOf } from "@gatehouse/testing/answers.ts";
import { parametersOf, routesOf, type Sample, sendRequest } from "@gatehouse/testing/requests.ts";
import { operationsWithoutSample, sampleOf } from "@gatehouse/testing/samples.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { leavesNoTrace } from "@gatehouse/testing/stored-rows.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";
import type { Operation } from "../../packages/server/src/operation/declaration/operation.ts";

const world = World.ofSuite(twoTenants);
const { server } = world;

/** Columns that a caller must not set, by their names in the API and in the database. */
const smuggled: Readonly<Record<string, unknown>> = {
  id: randomUUID(),
  organizationId: randomUUID(),
  organization_id: randomUUID(),
  userId: randomUUID(),
  isSystemRole: true,
  is_system_role: true,
  isSystemPermission: true,
  status: "Active",
  emailVerified: true,
  passwordHash: "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA",
  password_hash: "x",
  sessionEpoch: 0,
  version: 99,
  createdAt: "2020-01-01T00:00:00.000Z",
  expiresAt: "2099-01-01T00:00:00.000Z",
  administrator: true,
  role: "Owner",
  roles: ["Owner"],
  permissions: ["Organization"],
  prototype: { isSystemRole: true },
  "constructor.prototype.isSystemRole": true,
  toString: "x",
  hasOwnProperty: "x",
};

/** Bodies as text, because an object literal's `__proto__` is no field. `#` stands for the fields of a valid body. */
const polluting: readonly string[] = [
  '{#"__proto__":{"isSystemRole":true}}',
  '{#"__proto__":null}',
  '{#"constructor":{"prototype":{"isSystemRole":true}}}',
  '{#"constructor":"x"}',
  '{#"\\u005f_proto__":{"isSystemRole":true}}',
];

/** AuthZEN requires that unknown fields are ignored (10.1.1): its inputs are open, and unknown fields must change nothing. */
const isOpen = (operation: Operation): boolean => (operation.input as AnyBody).additionalProperties === true;
const isWrite = (operation: Operation): boolean => !operation.http?.startsWith("GET ") && !isOpen(operation);

/** The request with `extra` in the body, unless the operation declares it. */
async function refused(operation: Operation, sample: Sample, extra: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  const answer = await sendRequest(server, operation, { ...sample, input: { ...sample.input, ...extra } });
  return complaint(answer, `with ${Object.keys(extra).join()}`);
}

function complaint(answer: Answer<AnyBody>, what: string): string | undefined {
  const isNamed = (answer.body?.error?.details ?? []).some((detail: AnyBody) =>
    ["unknown_field", "syntax", "prototype"].includes(detail.rule),
  );
  const right = answer.status === 400 && answer.body.error.code === "common.validation_failed" && isNamed;
  return issueOf(answer) ?? (right ? undefined : `${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

function rawBodies(operation: Operation, sample: Sample): string[] {
  const fields = Object.entries(sample.input).filter(([name]) => !parametersOf(operation).includes(name));
  const valid = JSON.stringify(Object.fromEntries(fields)).slice(1, -1);
  return polluting.map((text) => text.replace("#", valid === "" ? "" : `${valid},`));
}

function sendRaw(operation: Operation, sample: Sample, body: string): Promise<Answer<AnyBody>> {
  const [method, path] = (operation.http as string).split(" ") as [string, string];
  const url = path.replace(/:(\w+)/g, (_all, name: string) => String(sample.input[name]));
  return server.call(`${method} ${url}`, { body, ...(sample.token ? { token: sample.token } : {}) });
}

describe("fields that a caller must not set", () => {
  it("every route has a sample request", () => {
    expect(operationsWithoutSample(server)).toEqual([]);
  });

  it("every write refuses undeclared fields with 400 and their names, and changes nothing", {
    timeout: 180_000,
  }, async () => {
    const wrong: string[] = [];
    for (const operation of routesOf(server).filter(isWrite)) {
      const sample = await sampleOf(world, operation.name);
      const extras = Object.entries(smuggled).filter(
        ([name]) => !(name in operation.input.properties) || parametersOf(operation).includes(name),
      );
      await leavesNoTrace(server, operation.name, async () => {
        for (const [name, value] of extras.filter(([name]) => !parametersOf(operation).includes(name))) {
          const found = await refused(operation, sample, { [name]: value });
          if (found) wrong.push(`${operation.http} ${found}`);
        }
        for (const body of rawBodies(operation, sample)) {
          const found = complaint(await sendRaw(operation, sample, body), body);
          if (found) wrong.push(`${operation.http} ${found}`);
        }
      });
      const answer = await sendRequest(server, operation, sample);
      if (answer.status >= 300) wrong.push(`${operation.http}: a valid request got ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    expect(wrong.join("\n")).toBe("");
    expect(({} as Record<string, unknown>)["isSystemRole"]).toBeUndefined();
  });

  it("fields of the path are refused in a body", async () => {
    const wrong: string[] = [];
    for (const operation of routesOf(server).filter((one) => isWrite(one) && parametersOf(one).length > 0)) {
      const sample = await sampleOf(world, operation.name);
      await leavesNoTrace(server, operation.name, async () => {
        for (const name of parametersOf(operation)) {
          for (const value of [sample.input[name], randomUUID()]) {
            const found = complaint(await sendRaw(operation, sample, JSON.stringify({ [name]: value })), `${name} in the body`);
            if (found) wrong.push(`${operation.http} ${found}`);
          }
        }
      });
    }
    expect(wrong.join("\n")).toBe("");
  });

  it("undeclared fields are ignored where a standard requires it, and pollute no prototype", async () => {
    const open = routesOf(server).filter(isOpen);
    expect(open.map(({ http }) => http.split(" ")[1])).toSatisfy((paths: string[]) =>
      paths.every((path) => path.startsWith("/access/v1/")),
    );
    expect(open.length).toBeGreaterThan(0);
    const wrong: string[] = [];
    for (const operation of open) {
      const sample = await sampleOf(world, operation.name);
      const { status, body } = await sendRequest(server, operation, sample);
      const expected = JSON.stringify([status, body]);
      if (status !== 200) wrong.push(`${operation.http}: a valid request got ${expected}`);
      const input = { ...sample.input, ...smuggled, subject: { ...smuggled, ...(sample.input["subject"] as object) } };
      const answer = await sendRequest(server, operation, { ...sample, input });
      if (JSON.stringify([answer.status, answer.body]) !== expected) wrong.push(`${operation.http}: ${JSON.stringify(answer.body)}`);
      for (const text of rawBodies(operation, sample)) {
        const polluted = await sendRaw(operation, sample, text);
        const refused = complaint(polluted, text) === undefined;
        if (!refused && JSON.stringify([polluted.status, polluted.body]) !== expected)
          wrong.push(`${operation.http} ${text}: ${polluted.status}`);
      }
    }
    expect(wrong.join("\n")).toBe("");
    expect(({} as Record<string, unknown>)["isSystemRole"]).toBeUndefined();
  });

  it("every read refuses undeclared query parameters", async () => {
    const wrong: string[] = [];
    for (const operation of routesOf(server).filter((one) => !isWrite(one) && !isOpen(one))) {
      const sample = await sampleOf(world, operation.name);
      for (const name of ["isSystemRole", "userId_", "__proto__", "constructor", "toString", "id"]) {
        const answer = await sendRequest(server, operation, {
          ...sample,
          input: Object.defineProperty({ ...sample.input }, name, { value: "true", enumerable: true }),
        });
        const found = complaint(answer, `?${name}=true`);
        if (found) wrong.push(`${operation.http} ${found}`);
      }
    }
    expect(wrong.join("\n")).toBe("");
  });

  it("undeclared fields deep in a body are refused", async () => {
    const operation = routesOf(server).find(({ name }) => name === "decisions.checkBatch") as Operation;
    const sample = await sampleOf(world, operation.name);
    const [check] = sample.input["checks"] as Record<string, unknown>[];
    for (const extra of ["isAuthorized", "roles", "constructor"]) {
      const answer = await sendRequest(server, operation, { ...sample, input: { checks: [{ ...check, [extra]: true }] } });
      expect(complaint(answer, extra)).toBeUndefined();
    }
  });
});
