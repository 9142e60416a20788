import {
  anAddress,
  joinAs,
  newAdministrator,
  newcomer,
  newOrganization,
  password,
  registration,
  rolesOf,
  tokenIn,
} from "@gatehouse/testing/people.ts";
import { asOperator, startTestServer } from "@gatehouse/testing/server.ts";
import { describe, expect, it, vi } from "vitest";

describe("the logs of a whole user journey", () => {
  it("contain no e-mail address, no password and no token, also of refused and failed requests", async () => {
    const server = await startTestServer();
    try {
      const secrets = new Set<string>([password, "a wrong password that was tried"]);
      const { token: setUpToken } = await asOperator(server, "authentication.openSetUp", {});
      secrets.add(setUpToken);
      const administrator = await newAdministrator(server);
      const organization = await newOrganization(server);
      const guest = await newcomer(server);
      await joinAs(server, organization, guest, (await rolesOf(server, organization))["Member"] as string);
      for (const { token } of [administrator, organization.owner, guest]) secrets.add(token);
      const login = (body: unknown) => server.call("POST /api/v1/iam/auth/login", { body, from: anAddress() });
      await login({ email: guest.email, password: "a wrong password that was tried" });
      await login({ email: "non-member@example.com", password });
      await server.call("GET /api/v1/iam/users/me", { token: `ghs_${"s".repeat(43)}` });
      await server.call("POST /api/v1/iam/auth/register", { body: registration({ email: guest.email }), from: anAddress() });
      await server.call("POST /api/v1/iam/auth/register", { body: { ...registration(), password: 5 }, from: anAddress() });
      await server.call("POST /api/v1/iam/auth/forgot-password", { body: { email: guest.email }, from: anAddress() });
      const reset = tokenIn(await server.mail(guest.email, "reset-password"));
      secrets.add(reset);
      await server.call(`POST /api/v1/iam/auth/reset-password?token=${reset}`, {
        body: { token: reset, password: "password1" },
        from: anAddress(),
      });
      await server.call("POST /api/v1/iam/auth/reset-password", {
        body: { token: reset, password: "a harbour after the storm" },
        from: anAddress(),
      });
      secrets.add("a harbour after the storm");
      const failing = vi.spyOn(server.application.platform.database, "transact").mockRejectedValue(new Error("the disk is full"));
      const failed = await server.call("POST /api/v1/iam/auth/register", {
        body: registration({ email: "unlucky@example.com" }),
        from: anAddress(),
      });
      failing.mockRestore();
      expect(failed.status).toBe(500);
      expect(JSON.stringify(failed.body)).not.toContain("disk");
      await server.application.settled();

      const text = server.logged.map((line) => JSON.stringify(line)).join("\n");
      expect(text).toContain("the disk is full");
      for (const secret of secrets) expect(text.includes(secret), `a log line holds ${secret}`).toBe(false);
      expect(/\bgh[srkc]_[\w-]{8,}/.exec(text)?.[0]).toBeUndefined();
      expect(/[\w.+-]+@example\.com/i.exec(text)?.[0]).toBeUndefined();
    } finally {
      await server.close();
    }
  });
});
