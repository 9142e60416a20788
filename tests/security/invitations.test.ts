/** Attack 22 of docs/security/attacks.md. */

import { expectOk } from "@gatehouse/testing/answers.ts";
import { address, invite, newPerson } from "@gatehouse/testing/people.ts";
import { leavesNoTrace } from "@gatehouse/testing/stored-rows.ts";
import type { Tenant } from "@gatehouse/testing/tenant.ts";
import { World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";

const world = World.ofSuite(["other", "member"]);
const { server } = world;

const weekSeconds = 7 * 24 * 3_600;

const inviteTo = (tenant: Tenant, email: string) => invite(server, tenant.organization, email, tenant.roles["Member"] as string);

async function expectRefused(expected: string, id: string, token: string, as: string): Promise<void> {
  await leavesNoTrace(server, expected, async () => {
    const answer = await server.call(`POST /api/v1/iam/invitations/${id}/accept`, { token: as, body: { token } });
    expect(`${answer.status} ${answer.body.error?.code}`).toBe(expected);
  });
}

describe("an invitation", () => {
  it("an invitation is refused to another address, also to one that only looks alike", async () => {
    const guest = await newPerson(server, "guest");
    const { id, token } = await inviteTo(world.own, guest.email);
    for (const other of [world.own.member, world.other.owner, world.own.owner]) {
      await expectRefused("403 tenancy.invitation_for_another", id, token, other.token);
    }
    for (const email of [`${guest.email.split("@")[0]}+x@example.com`, guest.email.replace("example.com", "example.com.example.org")]) {
      const alike = await newPerson(server, "alike");
      await server.application.platform.database.owner.updateTable("users").set({ email }).where("id", "=", alike.id).execute();
      await expectRefused("403 tenancy.invitation_for_another", id, token, alike.token);
    }
    await expectOk(server.call(`POST /api/v1/iam/invitations/${id}/accept`, { token: guest.token, body: { token } }));
    await expectRefused("409 tenancy.invitation_accepted", id, token, guest.token);
  });

  it("an invitation is refused without a session, and with a token that is nearly right", async () => {
    const guest = await newPerson(server, "guest");
    const { id, token } = await inviteTo(world.own, guest.email);
    const anonymous = await server.call(`POST /api/v1/iam/invitations/${id}/accept`, { body: { token } });
    expect(anonymous.status).toBe(401);
    for (const wrong of [
      token.slice(0, -1),
      `${token}A`,
      ` ${token}`,
      token.toUpperCase(),
      token.toLowerCase(),
      "A".repeat(43),
      `${token}=`,
    ]) {
      await expectRefused("404 tenancy.invitation_not_found", id, wrong, guest.token);
    }
  });

  it("a revoked invitation is refused", async () => {
    const guest = await newPerson(server, "guest");
    const { id, token } = await inviteTo(world.own, guest.email);
    expect((await server.call(`DELETE /api/v1/iam/invitations/${id}`, { token: world.own.owner.token })).status).toBe(204);
    await expectRefused("409 tenancy.invitation_revoked", id, token, guest.token);
    await leavesNoTrace(server, "a second revocation", async () => {
      expect((await server.call(`DELETE /api/v1/iam/invitations/${id}`, { token: world.own.owner.token })).status).toBe(409);
    });
  });

  it("an invitation is refused with the token of another one, of this organization or of another", async () => {
    const guest = await newPerson(server, "guest");
    const mine = await inviteTo(world.own, guest.email);
    const theirs = await inviteTo(world.other, guest.email);
    await expectRefused("404 tenancy.invitation_not_found", mine.id, theirs.token, guest.token);
    await expectRefused("404 tenancy.invitation_not_found", theirs.id, mine.token, guest.token);
    const another = await inviteTo(world.own, address("another"));
    await expectRefused("404 tenancy.invitation_not_found", mine.id, another.token, guest.token);
    await expectRefused("403 tenancy.invitation_for_another", another.id, another.token, guest.token);
  });

  it("an invitation of a suspended organization is refused, and accepted once it is active again", async () => {
    const guest = await newPerson(server, "guest");
    const { id, token } = await inviteTo(world.other, guest.email);
    const set = (status: string) =>
      expectOk(server.call(`PUT /api/v1/iam/organizations/${world.other.id}`, { token: world.administrator.token, body: { status } }));
    await set("Suspended");
    await expectRefused("403 auth.organization_suspended", id, token, guest.token);
    await set("Active");
    await expectOk(server.call(`POST /api/v1/iam/invitations/${id}/accept`, { token: guest.token, body: { token } }));
  });

  it("an expired invitation is refused to the second, before and after it is marked, and cannot be revived", async () => {
    const guest = await newPerson(server, "guest");
    const { id, token } = await inviteTo(world.own, guest.email);
    server.clock.advance(weekSeconds + 1);
    const [asGuest, asOwner] = await Promise.all(
      [guest, world.own.owner].map(async ({ email }) => {
        const body = { email, password: "a quiet green harbour" };
        return (await expectOk(server.call("POST /api/v1/iam/auth/login", { body }))).sessionToken as string;
      }),
    );
    await expectRefused("409 tenancy.invitation_expired", id, token, asGuest as string);
    const invited = await invite(server, world.organization, guest.email, world.roles["Member"] as string, { token: asOwner as string });
    await expectRefused("409 tenancy.invitation_expired", id, token, asGuest as string);
    await expectRefused("404 tenancy.invitation_not_found", invited.id, token, asGuest as string);
    await expectOk(
      server.call(`POST /api/v1/iam/invitations/${invited.id}/accept`, { token: asGuest as string, body: { token: invited.token } }),
    );
  });
});
