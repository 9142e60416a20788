import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { silent } from "@gatehouse/testing/silent.ts";
import { expect, it } from "vitest";
import { mockCluster, wireToMock } from "./conformance/kafka-mock.ts";
import { kafkaBroker } from "./kafka.ts";
import { aliasesOf } from "./kafka-aliases.ts";

const of = (type: string, data?: object) => aliasesOf({ specversion: "1.0", id: "1", source: "https://id.example", type, data });

it.each<[string, object | undefined, readonly string[]]>([
  ["user.registered.v1", {}, ["beauth.user.created"]],
  ["user.registered.v2", {}, ["beauth.user.created"]],
  ["session.expired.v1", {}, ["beauth.session.expired"]],
  ["assignment.changed.v1", { roleIds: ["a", "b"], addedRoleIds: ["b"], removedRoleIds: [] }, ["beauth.role.assigned"]],
  ["assignment.changed.v1", { roleIds: ["a"], addedRoleIds: [], removedRoleIds: ["b"] }, ["beauth.role.removed"]],
  [
    "assignment.changed.v1",
    { roleIds: ["a"], addedRoleIds: ["a"], removedRoleIds: ["b"] },
    ["beauth.role.assigned", "beauth.role.removed"],
  ],
  ["assignment.changed.v1", { roleIds: ["a"], addedRoleIds: [], removedRoleIds: [] }, []],
  // Events of an earlier release.
  ["assignment.changed.v1", { roleIds: ["a"] }, []],
  ["audit-log.requested.v1", { actionType: "User.Login", category: "Security" }, ["beauth.audit.login"]],
  ["audit-log.requested.v1", { actionType: "User.Logout", category: "Security" }, ["beauth.audit.logout"]],
  ["audit-log.requested.v1", { actionType: "Grant.Created", category: "Security" }, ["beauth.audit.security"]],
  ["audit-log.requested.v1", { actionType: "Organization.Updated", category: "Business" }, []],
  ["organization.created.v1", {}, []],
  ["constructor", undefined, []],
  ["assignment.changed.v1", undefined, []],
])("%s with %j has the alias topics %j", (type, data, expected) => {
  expect(of(type, data)).toEqual(expected);
});

// Skipped by npm test: npm run test:services runs it with kcat, whose mock cluster emulates Kafka.
const cluster = process.env["TEST_BACKEND"] === "postgresql" ? await mockCluster() : undefined;
it.skipIf(cluster === undefined)(
  "another Kafka client reads an event in its own topic and in its alias topics, or in its own only without aliases",
  async () => {
    const { address, line, url } = await wireToMock(cluster?.port as number);
    const event = {
      specversion: "1.0" as const,
      id: crypto.randomUUID(),
      source: "https://id.example",
      type: "user.registered.v1",
      subject: "user/1",
    };
    try {
      for (const [aliases, exchange] of [
        [true, "aliased"],
        [false, "plain"],
      ] as const) {
        const broker = kafkaBroker(url, silent, { aliases });
        await broker.publish([{ exchange, event }]);
        await broker.close();
      }
      // %k: the key; -e: to the end of the topic.
      const read = async (topic: string) =>
        (await promisify(execFile)("kcat", ["-b", address, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k %s\\n"])).stdout
          .trim()
          .split("\n");
      const expected = [`user/1 ${JSON.stringify(event)}`];
      for (const topic of ["aliased.user", "plain.user", "beauth.user.created"]) expect(await read(topic)).toEqual(expected);
    } finally {
      await line.cut();
      await cluster?.close();
    }
  },
  60_000,
);
