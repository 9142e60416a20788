/** Attack 33 of docs/security/attacks.md. */
import { expectOk, issueOf } from "@gatehouse/testing/answers.ts";
import { joinAs, newMember, newPerson, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";

const iam = "/api/v1/iam";

const world = World.ofSuite(twoTenants);
const { server } = world;

const ask = (question: Record<string, unknown>, token = world.administrator.token): Promise<Answer<AnyBody>> =>
  server.call(`POST ${iam}/authorization/check`, { token, body: question });
const askAll = (checks: readonly Record<string, unknown>[]): Promise<Answer<AnyBody>> =>
  server.call(`POST ${iam}/authorization/check-batch`, { token: world.administrator.token, body: { checks } });

/** What keys are put together with, and what could end one early. */
const separators = [
  ":",
  "#",
  "@",
  "|",
  "/",
  "*",
  "%",
  "?",
  "\n",
  "\\",
  "'",
  '"',
  "iam:",
  ":org:",
  ":internal",
  ":effective_permissions",
  "__proto__",
];

/** Evaluates the request by itself and in batches, first uncached and then cached. */
async function answersTo(question: Record<string, unknown>): Promise<boolean[]> {
  const single = async () => (await expectOk(ask(question))).isAuthorized as boolean;
  const batch = async () => (await expectOk(askAll([question, question]))).results.map((one: AnyBody) => one.isAuthorized as boolean);
  return [await single(), await single(), ...(await batch()), await single()];
}

describe("cache keys of decisions", () => {
  it("requests with other names of context and resource have their own decisions, cached or not", async () => {
    const { own, other } = world;
    const contexts = [
      null,
      {},
      { a: 1 },
      { a: { b: [1, "2", null] } },
      { tenantId: other.id, userId: own.owner.id },
      { isAuthorized: true },
      { "": "" },
    ];
    const may = { userId: own.member.id, tenantId: own.id, actionType: "Organization.Read" };
    const mayNot = { userId: own.member.id, tenantId: own.id, actionType: "Organization.Update" };
    const decisions = new Set<string>();
    for (const [question, expected] of [
      [may, true],
      [mayNot, false],
    ] as const) {
      for (const contextData of contexts) {
        for (const resourceId of [null, "1", ...separators, `${own.id}:${other.id}`]) {
          const body = await expectOk(ask({ ...question, contextData, resourceType: "school", resourceId }));
          expect(body.isAuthorized, JSON.stringify({ contextData, resourceId })).toBe(expected);
          decisions.add(body.decisionId);
        }
      }
    }
    expect(decisions.size).toBe(2 * contexts.length * (separators.length + 3));
  });

  it("requests of a batch have their own decisions in any order", async () => {
    const { own, other } = world;
    const people = [own.owner, own.member, other.owner, other.member, world.administrator, world.both.person];
    const questions = people.flatMap(({ id: userId }) =>
      [own.id, other.id, null].flatMap((tenantId) =>
        ["Organization.Read", "Organization.Update", "InternalMember.Manage"].map((actionType) => ({ userId, tenantId, actionType })),
      ),
    );
    const singly: boolean[] = [];
    for (const question of questions) singly.push((await expectOk(ask(question))).isAuthorized);
    for (const order of [questions, [...questions].reverse(), [...questions].sort((a, b) => (a.actionType < b.actionType ? -1 : 1))]) {
      const { results } = await expectOk(askAll(order));
      expect(results.map((one: AnyBody) => one.isAuthorized)).toEqual(order.map((question) => singly[questions.indexOf(question)]));
    }
    // Each person may read where they belong and nowhere else.
    const may = questions
      .filter((_, index) => singly[index])
      .map(({ userId, tenantId, actionType }) => `${userId} ${tenantId} ${actionType}`);
    expect(may.sort()).toEqual(
      [
        ...[own.owner, world.both.person].flatMap(({ id }) => [`${id} ${own.id} Organization.Read`, `${id} ${own.id} Organization.Update`]),
        ...[other.owner, world.both.person].flatMap(({ id }) => [
          `${id} ${other.id} Organization.Read`,
          `${id} ${other.id} Organization.Update`,
        ]),
        `${own.member.id} ${own.id} Organization.Read`,
        `${other.member.id} ${other.id} Organization.Read`,
        `${world.administrator.id} null InternalMember.Manage`,
      ].sort(),
    );
  });

  it("permissions whose names differ only in separators have their own decisions", async () => {
    const { own, administrator } = world;
    const stem = `Doc${unique()}`;
    const names = [stem, `${stem}:Read`, `${stem}.Read`, `${stem}-Read`, `${stem}_Read`, `${stem}.Read:x`, `${stem}:Read.x`, `${stem}Read`];
    for (const value of names) {
      await expectOk(
        server.call(`POST ${iam}/permissions`, { token: administrator.token, body: { value, scope: "Organization", parent: null } }),
      );
    }
    for (const given of names) {
      const person = await newMember(server, own.organization, [given], "reader");
      for (const actionType of names) {
        const answers = await answersTo({ userId: person.id, tenantId: own.id, actionType });
        expect(new Set(answers), `${given} given, ${actionType} asked`).toEqual(new Set([actionType === given]));
      }
      const { permissions } = await expectOk(
        server.call(`GET ${iam}/users/me/permissions?organizationId=${own.id}`, { token: person.token }),
      );
      expect(permissions).toEqual([given]);
    }
  });

  /** Ids that are one another but for what separates, pads, encodes or composes. Every second one is granted. */
  const alike = (stem: string): string[] => [
    stem,
    ...[":", "#", "@", "|", "/", " ", "*", "%", "?", "\\", "'", '"', "\n", "\t"].flatMap((separator) => [
      `${stem}${separator}`,
      `${separator}${stem}`,
      `${stem}${separator}${stem}`,
      `${stem}${separator}${separator}${stem}`,
    ]),
    `${stem.length}|${stem}`,
    `1|${stem}`,
    `${stem}#member`,
    `school:${stem}`,
    `school/viewer/${stem}`,
    `%3A${stem}`,
    `${stem}\u00e9`,
    `${stem}e\u0301`,
    stem.toUpperCase(),
    `${stem}\u200b`,
  ];
  const grant = (resource: Record<string, unknown>, relation: string, subject: Record<string, unknown>) =>
    server.call(`POST ${iam}/grants`, {
      token: world.own.owner.token,
      body: { organizationId: world.own.id, resource, relation, subject },
    });
  const viewOf = (resourceId: string, userId: string, contextData: unknown = null) => ({
    userId,
    tenantId: world.own.id,
    actionType: "Organization.ReadGrants",
    resourceType: "school",
    resourceId,
    contextData,
  });

  it("resources and groups whose ids differ only in separators have their own decisions", async () => {
    const { own } = world;
    const person = await newPerson(server, "viewer");
    await joinAs(server, own.organization, person, own.roles["Member"] as string);
    for (const by of ["themselves", "their group"]) {
      const ids = [...alike(`i${unique()}`), by === "themselves" ? "__proto__" : "constructor"];
      // Asked before anything is granted, so that memory holds the denial.
      for (const id of ids) expect(await answersTo(viewOf(id, person.id)), `${by}: ${JSON.stringify(id)}`).toEqual(Array(5).fill(false));
      const given = ids.filter((_, index) => index % 2 === 0);
      for (const [index, id] of ids.entries()) {
        // In groups too the ids are alike: they are in every second one.
        const group = ids[(index + 7) % ids.length] as string;
        const inGroup = given.includes(id) ? `${group} in` : `${group} out`;
        if (by === "themselves" && given.includes(id))
          await expectOk(grant({ type: "school", id }, "viewer", { type: "user", id: person.id }));
        if (by === "their group")
          await expectOk(grant({ type: "school", id }, "viewer", { type: "group", id: inGroup, relation: "member" }));
        if (by === "their group" && given.includes(id))
          await expectOk(grant({ type: "group", id: inGroup }, "member", { type: "user", id: person.id }));
      }
      const wrong: string[] = [];
      for (const id of [...ids, ...ids.toReversed()]) {
        const answers = await answersTo(viewOf(id, person.id));
        if (new Set(answers).size !== 1 || answers[0] !== given.includes(id)) wrong.push(`${by}: ${JSON.stringify(id)} ${answers}`);
      }
      expect(wrong).toEqual([]);
      const all = await expectOk(askAll(ids.map((id) => viewOf(id, person.id))));
      expect(all.results.map((one: AnyBody) => one.isAuthorized)).toEqual(ids.map((id) => given.includes(id)));
      const listed = await expectOk(
        server.call(`POST ${iam}/authorization/list-resources`, {
          token: person.token,
          body: { userId: person.id, tenantId: own.id, actionType: "Organization.ReadGrants", resourceType: "school", limit: 100 },
        }),
      );
      expect(listed.items.map(({ id }: AnyBody) => id)).toEqual(expect.arrayContaining(given));
      for (const id of ids.filter((each) => !given.includes(each))) expect(listed.items).not.toContainEqual({ type: "school", id });
    }
  });

  it("requests with another context have their own decisions, cached or not", async () => {
    const { own } = world;
    const person = await newPerson(server, "viewer");
    await joinAs(server, own.organization, person, own.roles["Member"] as string);
    const id = `school ${unique()}`;
    const condition = { operator: "equals", left: "$request.channel", right: "a|b" };
    await expectOk(
      server.call(`POST ${iam}/grants`, {
        token: own.owner.token,
        body: {
          organizationId: own.id,
          resource: { type: "school", id },
          relation: "viewer",
          subject: { type: "user", id: person.id },
          condition,
        },
      }),
    );
    for (const _ of [1, 2, 3]) {
      for (const channel of ["a|b", "a", "b", "a|b ", "a:b", "A|B", "", "a|b"])
        expect(await answersTo(viewOf(id, person.id, { channel })), channel).toEqual(Array(5).fill(channel === "a|b"));
      for (const contextData of [null, {}, { Channel: "a|b" }, { "channel ": "a|b" }, { channel: null }])
        expect((await ask(viewOf(id, person.id, contextData))).status, JSON.stringify(contextData)).toBe(400);
    }
  });

  it("a grant with a NUL or half a character in an id is refused with 400", async () => {
    const { own } = world;
    const user = { type: "user", id: own.member.id };
    for (const id of ["a\u0000b", "\u0000", "\ud800", "a\udc00"]) {
      for (const answer of [
        await grant({ type: "school", id }, "viewer", user),
        await grant({ type: "school", id: "1" }, "viewer", { type: "group", id, relation: "member" }),
        await ask(viewOf(id, own.member.id)),
      ])
        expect([answer.status, issueOf(answer)], JSON.stringify(id)).toEqual([400, undefined]);
    }
  });

  it("a check with a composed id or a NUL is refused with 400", async () => {
    const { own } = world;
    const good = { userId: own.owner.id, tenantId: own.id, actionType: "Organization.Read" };
    const bad: Record<string, unknown>[] = [];
    for (const separator of [...separators, "\u0000"]) {
      bad.push(
        { ...good, userId: `${own.owner.id}${separator}` },
        { ...good, userId: `${own.owner.id}${separator}${own.id}` },
        { ...good, tenantId: `${own.id}${separator}x` },
        { ...good, tenantId: `${separator}${own.id}` },
      );
      if (!/^[:_.]/.test(separator)) bad.push({ ...good, actionType: `Organization.Read${separator}` });
    }
    bad.push(
      { ...good, resourceId: "a\u0000b" },
      { ...good, resourceType: "\u0000" },
      { ...good, contextData: { key: "a\u0000" } },
      { ...good, contextData: { "a\u0000": 1 } },
      { ...good, contextData: { deep: [{ deep: "\ud800" }] } },
      { ...good, tenantId: "" },
      { ...good, tenantId: "internal" },
      { ...good, tenantId: "*" },
      { ...good, userId: "*" },
      { ...good, userId: [own.owner.id] },
    );
    for (const question of bad) {
      const answer = await ask(question);
      expect([answer.status, issueOf(answer)], JSON.stringify(question)).toEqual([400, undefined]);
      expect((await askAll([good, question])).status).toBe(400);
    }
  });

  it("a check of an undefined action is refused, cached or not", async () => {
    const { own } = world;
    for (const actionType of [
      "Organization.read",
      "organization.Read",
      "Organization.Read.",
      "Organization..Read",
      "constructor",
      "toString",
      "hasOwnProperty",
    ]) {
      for (const _ of [1, 2]) {
        const answer = await ask({ userId: own.owner.id, tenantId: own.id, actionType });
        expect([400, 404], `${actionType}: ${JSON.stringify(answer.body)}`).toContain(answer.status);
      }
    }
  });

  it("a request that is 100,000 levels deep or has many fields is answered in time", async () => {
    const { own } = world;
    const good = { userId: own.owner.id, tenantId: own.id, actionType: "Organization.Read" };
    const deep = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
    for (const contextData of [
      deep('{"a":', "}", 40_000),
      deep("[", "]", 100_000),
      deep('{"\\u0061":', "}", 10_000),
      `{${Array.from({ length: 20_000 }, (_, index) => `"k${index}":1`).join()}}`,
      `{"a":${"9".repeat(100_000)}}`,
    ]) {
      const stopwatch = startStopwatch();
      const answer = await server.call(`POST ${iam}/authorization/check`, {
        token: world.administrator.token,
        body: JSON.stringify({ ...good, contextData: 0 }).replace(
          ":0}",
          `:${contextData.startsWith("[") ? `{"a":${contextData}}` : contextData}}`,
        ),
      });
      expect(issueOf(answer)).toBeUndefined();
      expect([200, 400, 413]).toContain(answer.status);
      expect(stopwatch.idleMs()).toBeLessThan(2_000);
    }
  });
});
