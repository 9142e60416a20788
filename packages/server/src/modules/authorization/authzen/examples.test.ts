import { readFileSync } from "node:fs";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuthzenWorld, openAuthzenWorld } from "./conformance/authzen-world.ts";
import { issues } from "./conformance/schemas.ts";

interface Example {
  readonly name: string;
  readonly section: string;
  readonly path: string;
  readonly request: AnyBody;
  readonly status: number;
  readonly response: AnyBody;
  readonly headers?: Readonly<Record<string, string>>;
  readonly note?: string;
}

/** The non-normative examples of AuthZEN 1.0, and the scenario of its certification. */
const examples = JSON.parse(readFileSync(new URL("conformance/examples.json", import.meta.url), "utf8")) as Readonly<
  Record<"specification" | "certification", readonly Example[]>
>;

let world: AuthzenWorld;
beforeAll(async () => {
  world = await openAuthzenWorld();
});
afterAll(() => world.server.close());

/** Replaces the examples' names by users of this installation. */
function withUsers(value: AnyBody): AnyBody {
  if (Array.isArray(value)) return value.map(withUsers);
  if (typeof value !== "object" || value === null) return value;
  const mapped = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withUsers(inner)]));
  return mapped["type"] === "user" && typeof mapped["id"] === "string" ? { ...mapped, id: world.idOf(mapped["id"]) } : mapped;
}

/** The comparable content of an example: contexts, counts and totals are implementation-defined. */
function expectLike(given: AnyBody, expected: AnyBody): void {
  if (expected.results !== undefined) {
    // The examples are excerpts: they disagree about the number of accounts.
    expect(given.results).toEqual(expect.arrayContaining(expected.results));
    if (expected.results.length === 0) expect(given.results).toEqual([]);
  } else if (expected.evaluations !== undefined) {
    expect(given.evaluations.map(({ decision }: AnyBody) => decision)).toEqual(
      expected.evaluations.map(({ decision }: AnyBody) => decision),
    );
    expect(given).not.toHaveProperty("decision");
  } else {
    expect(given.decision).toBe(expected.decision);
    expect(given).not.toHaveProperty("evaluations");
  }
}

/** The token of an example's page is its author's; the search tests follow our own. */
const followsToken = ({ request }: Example): boolean => request?.page?.token !== undefined;
/** 8.3 shows a page without the token that 8.2.2 requires. */
const contradictsItself = ({ name }: Example): boolean => name === "search response";

describe.each(Object.entries(examples))("the examples of the %s", (_source, all) => {
  const requested = all.filter((example) => example.request !== null && example.path.startsWith("/access/") && !followsToken(example));
  it.each(requested.map((example) => [`${example.section}: ${example.name}`, example] as const))("%s", async (_name, example) => {
    const id = example.headers?.["X-Request-ID"];
    const answer = await world.post(example.path, withUsers(example.request), id ? { headers: { "x-request-id": id } } : {});
    expect(answer.status, JSON.stringify(answer.body)).toBe(example.status);
    if (id) expect(answer.headers["x-request-id"]).toBe(id);
    if (example.response !== null && example.status === 200) expectLike(answer.body, withUsers(example.response));
  });

  it("conform to our schemas of the standard", () => {
    for (const example of all) {
      if (example.response === null || example.status !== 200 || contradictsItself(example)) continue;
      expect(issues[example.path.replace(/^GET /, "")]?.(example.response), example.name).toEqual([]);
    }
  });

  it("were all requested", () => {
    const left = all.filter((example) => !requested.includes(example) && example.request !== null);
    expect(left.map(({ name }) => name)).toEqual(
      left.filter((one) => followsToken(one) || !one.path.startsWith("/access/")).map(({ name }) => name),
    );
  });
});
