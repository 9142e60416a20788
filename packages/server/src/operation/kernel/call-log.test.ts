import { anAddress, newPerson } from "@gatehouse/testing/people.ts";
import { startTestServer } from "@gatehouse/testing/server.ts";
import { expect, it } from "vitest";

it("logs refusals by a security control at info, also of queries, and other queries at debug", async () => {
  const server = await startTestServer();
  try {
    const info = 30;
    const { token } = await newPerson(server);
    const levelOf = async (route: string, outcome: string, sent: string | undefined): Promise<number> => {
      server.logged.length = 0;
      await server.call(route, { from: anAddress(), ...(sent === undefined ? {} : { token: sent }) });
      return server.logged.find((line) => line.outcome === outcome)?.level;
    };
    const me = "GET /api/v1/iam/users/me";
    expect(await levelOf(me, "ok", token)).toBeLessThan(info);
    expect(await levelOf(me, "auth.credential_required", undefined)).toBe(info);
    expect(await levelOf(me, "auth.credential_invalid", `ghs_${"x".repeat(43)}`)).toBe(info);
    expect(await levelOf("GET /api/v1/users", "auth.permission_denied", token)).toBe(info);
    expect(await levelOf("GET /api/v1/iam/auth/sessions?limit=many", "common.validation_failed", token)).toBe(info);
  } finally {
    await server.close();
  }
});
