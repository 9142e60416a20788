/** Attack 45 of docs/security/attacks.md. */

import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { address, newPerson, password } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Paths that show tokens, or figures of all tenants, to local callers. */
const surfaces = ["/dev/inbox", "/dev/inbox.json", "/metrics"] as const;

/** Sends a raw request, whose path no client normalizes. */
const ask = (server: TestServer, path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<number> =>
  new Promise((resolve, reject) => {
    const { port } = server.http.server.address() as AddressInfo;
    request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode as number));
    })
      .once("error", reject)
      .end();
  });

async function started(environment: Readonly<Record<string, string>>): Promise<TestServer> {
  const server = await startTestServer(environment);
  await server.http.listen({ host: "127.0.0.1", port: 0 });
  return server;
}

const local = { host: "localhost" };
const proxied = { host: "id.example.com", "x-forwarded-for": "203.0.113.77", "x-forwarded-proto": "https" };

describe.each([
  { PUBLIC_URL: "https://id.example.com" },
  { PUBLIC_URL: "https://id.example.com", TRUST_PROXY: "true" },
  { PUBLIC_URL: "https://id.example.com", TRUST_PROXY: "loopback" },
  { PUBLIC_URL: "http://id.example.com" },
] as const)("where PUBLIC_URL leads others here: %o", (environment) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await started(environment);
  });
  afterAll(() => server.close());

  it.each(surfaces)("%s is not served to any caller, and a start says so", async (path) => {
    for (const headers of [local, proxied, { host: "id.example.com" }]) expect(await ask(server, path, headers)).toBe(404);
    expect(server.configuration.warnings.join(" ")).toContain(`PUBLIC_URL is ${environment.PUBLIC_URL}, so callers on other machines`);
    expect(server.configuration.warnings.join(" ")).toContain("SMTP_URL is not set");
  });

  it("a mail is sent all the same, and no caller can read its token", async () => {
    const { email } = await newPerson(server, "reader");
    const reset = await server.call("POST /api/v1/iam/auth/forgot-password", { body: { email }, headers: proxied });
    expect(reset.status).toBe(202);
    expect((await server.mail(email, "reset-password")).links).toHaveLength(1);
  });
});

describe.each([{ TRUST_PROXY: "false" }, { TRUST_PROXY: "true" }, { TRUST_PROXY: "127.0.0.1" }, { TRUST_PROXY: "2" }])(
  "a server on loopback behind a possible proxy: $TRUST_PROXY",
  (environment) => {
    let server: TestServer;
    beforeAll(async () => {
      server = await started(environment);
    });
    afterAll(() => server.close());

    it.each(surfaces)("%s is served to callers on this machine, by any of its names", async (path) => {
      for (const host of ["localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1:8080", "[::1]:8080", "app.localhost"])
        expect(await ask(server, path, { host }), host).toBe(200);
    });

    it.each(surfaces)("%s is not served to callers through a proxy", async (path) => {
      for (const said of [
        { "x-forwarded-for": "203.0.113.77" },
        { "x-forwarded-for": "203.0.113.77, 10.0.0.1" },
        { "x-forwarded-for": "203.0.113.77, 127.0.0.1" },
        { "x-forwarded-for": "10.0.0.1, 203.0.113.77:4711" },
        { "x-forwarded-for": "::ffff:203.0.113.77" },
        { "x-forwarded-for": "2001:db8::1" },
        { "x-forwarded-for": "unknown" },
        { "x-forwarded-for": "" },
        { "x-forwarded-proto": "https" },
        { "x-forwarded-host": "id.example.com" },
        { "x-real-ip": "203.0.113.77" },
        { forwarded: "for=203.0.113.77" },
        { via: "1.1 proxy" },
      ])
        expect(await ask(server, path, { ...local, ...said } as never), JSON.stringify(said)).toBe(404);
    });

    it.each(surfaces)("%s is not served under another host name, however the path is written", async (path) => {
      const encoded = path.replace("e", "%65").replace("/m", "/%6d");
      const evil = { host: "evil.example.net" };
      for (const target of [path, encoded, `${path}?x`, `http://evil.example.net${path}`, `http://evil.example.net${encoded}`]) {
        expect(await ask(server, target, evil), target).toBe(404);
        expect(await ask(server, target, evil, "HEAD"), target).toBe(404);
      }
      // The request target takes precedence over the Host header (RFC 9112 §3.2.2).
      expect(await ask(server, `http://evil.example.net${path}`, local)).toBe(404);
      for (const host of [
        "localhost@evil.example.net",
        "evil.example.net/localhost",
        "localhost.evil.example.net",
        "127.0.0.1.evil.example.net",
      ])
        expect(await ask(server, path, { host }), host).toBe(404);
      expect(await ask(server, encoded, local)).toBe(200);
    });
  },
);

describe("addresses that limits count", () => {
  const limit = 30;
  const forgot = (server: TestServer, from: string) =>
    server.call("POST /api/v1/iam/auth/forgot-password", {
      body: { email: address("nobody") },
      headers: { "x-forwarded-for": from },
      from: "10.0.0.1",
    });
  const answered = async (server: TestServer, addresses: readonly string[]): Promise<number> => {
    const answers = await Promise.all(addresses.map((from) => forgot(server, from)));
    return answers.filter(({ status }) => status === 202).length;
  };
  const server = serverOfSuite({ TRUST_PROXY: "true" });
  const many = (of: (index: number) => string, count = limit + 10) => Array.from({ length: count }, (_, index) => of(index));

  it("an address counts as one with any port and in the IPv4-mapped form", async () => {
    expect(
      await answered(
        server,
        many((index) => `198.51.100.1:${40_000 + index}`),
      ),
    ).toBe(limit);
    for (const same of ["198.51.100.1", "::ffff:198.51.100.1", "[::ffff:c633:6401]:80"])
      expect((await forgot(server, same)).status).toBe(429);
    expect((await forgot(server, "198.51.100.2")).status).toBe(202);
  });

  it("IPv6 addresses of a /64 count as one, and a /48 has four times its share", async () => {
    expect(
      await answered(
        server,
        many((index) => `2001:db8:1:2::${index.toString(16)}`),
      ),
    ).toBe(limit);
    expect((await forgot(server, "2001:db8:1:2:ffff::1")).status).toBe(429);
    expect((await forgot(server, "2001:db8:1:3::1")).status).toBe(202);
    expect(
      await answered(
        server,
        many((index) => `2001:db8:2:${index.toString(16)}::1`, limit * 4 + 10),
      ),
    ).toBe(limit * 4);
    expect((await forgot(server, "2001:db8:3::1")).status).toBe(202);
  });

  it("malformed addresses count as one", async () => {
    expect(
      await answered(
        server,
        many((index) => (index % 2 === 0 ? `<script>${index}` : "x".repeat(3_000))),
      ),
    ).toBe(limit);
  });

  it("sessions and the audit log contain valid addresses or none", async () => {
    const { email } = await newPerson(server, "traveller");
    for (const [from, known] of [
      ["198.51.100.9:5678", "198.51.100.9"],
      ["::ffff:198.51.100.9", "198.51.100.9"],
      ["[2001:DB8::9]:443", "2001:db8::9"],
      ["<script>alert(1)</script>", null],
      ["x".repeat(3_000), null],
    ] as const) {
      const login = await server.call("POST /api/v1/iam/auth/login", {
        body: { email, password },
        headers: { "x-forwarded-for": from },
        from: "10.0.0.1",
      });
      const { body } = await server.call("GET /api/v1/iam/auth/sessions", { token: login.body.sessionToken });
      expect(body.items.find(({ current }: { current: boolean }) => current).ipAddress).toBe(known);
      const { owner } = server.application.platform.database;
      const entry = await owner
        .selectFrom("audit_entries")
        .select(["ip_address"])
        .where("operation", "=", "authentication.login")
        .orderBy("occurred_at", "desc")
        .limit(1)
        .executeTakeFirst();
      expect(entry?.["ip_address"]).toBe(known);
    }
  });
});
