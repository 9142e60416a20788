import { describe, expect, it } from "vitest";
import { inProcessLimits } from "#platform/limits/limits.ts";
import type { Operation, RateLimit } from "../declaration/operation.ts";
import { anonymous, operator, type Principal } from "../declaration/principal.ts";
import { takeRateLimit } from "./rate-limit.ts";

const as = (kind: "user" | "service", id: string, credentialId: string): Principal => ({
  kind,
  id,
  organizationId: null,
  credential: { kind: "apiKey", id: credentialId, authenticatedAt: 0, methods: [] },
});

/** A limit of two calls; `useUp` makes both. */
function limiting(per: RateLimit["per"], signInLimit: "on" | "off" = "on") {
  const platform = { limits: inProcessLimits(), settings: { signInLimit } } as unknown as Parameters<typeof takeRateLimit>[0];
  const operation = { name: "things.make", limit: { per, points: 2, seconds: 600 } } as Operation;
  const call = async (principal: Principal, ip = "10.0.0.1"): Promise<boolean> => {
    const origin = { ip, userAgent: null, requestId: "1", traceId: "1" };
    try {
      await takeRateLimit(platform, operation, { operation: operation.name, input: {}, principal, origin });
      return true;
    } catch (error) {
      expect(error).toMatchObject({ definition: { status: 429 }, retryAfterSeconds: 600 });
      return false;
    }
  };
  return { call, useUp: async (principal: Principal, ip?: string) => [await call(principal, ip), await call(principal, ip)] };
}

describe("a rate limit", () => {
  const [ada, adaElsewhere] = [as("user", "a", "1"), as("user", "a", "2")];
  const sameIdService = as("service", "a", "3");

  it("per principal counts all credentials and addresses of one principal together", async () => {
    const { call, useUp } = limiting("principal");
    expect(await useUp(ada)).toEqual([true, true]);
    expect([await call(ada), await call(adaElsewhere), await call(ada, "10.9.9.9")]).toEqual([false, false, false]);
    expect([await call(as("user", "b", "1")), await call(sameIdService)]).toEqual([true, true]);
  });

  it("per credential counts each credential separately", async () => {
    const { call, useUp } = limiting("credential");
    expect(await useUp(ada)).toEqual([true, true]);
    expect([await call(ada, "10.9.9.9"), await call(adaElsewhere)]).toEqual([false, true]);
  });

  it("per address counts all callers from an address together", async () => {
    const { call, useUp } = limiting("address");
    expect(await useUp(ada)).toEqual([true, true]);
    expect([await call(as("user", "b", "9")), await call(anonymous), await call(ada, "10.9.9.9")]).toEqual([false, false, true]);
  });

  it.each(["principal", "credential"] as const)("per %s counts anonymous callers by address", async (per) => {
    const { call, useUp } = limiting(per);
    expect(await useUp(anonymous)).toEqual([true, true]);
    expect([await call(anonymous), await call(anonymous, "10.9.9.9"), await call(ada)]).toEqual([false, true, true]);
  });

  it("exempts the operator, and GATEHOUSE_SIGN_IN_LIMIT=off disables only limits by address", async () => {
    const on = limiting("address");
    expect([...(await on.useUp(operator)), await on.call(operator)]).toEqual([true, true, true]);
    const address = limiting("address", "off");
    expect([...(await address.useUp(ada)), await address.call(ada)]).toEqual([true, true, true]);
    const principal = limiting("principal", "off");
    expect([...(await principal.useUp(ada)), await principal.call(ada)]).toEqual([true, true, false]);
  });
});
