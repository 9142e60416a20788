/** Attack 22 of docs/security/attacks.md. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectOk } from "@gatehouse/testing/answers.ts";
import {
  invite,
  joinAs,
  newAdministrator,
  newOrganization,
  newPerson,
  type OrganizationOf,
  type Person,
  rolesOf,
} from "@gatehouse/testing/people.ts";
import { makeDatabase } from "@gatehouse/testing/postgres.ts";
import { backend, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { describe, expect, it } from "vitest";

const server = serverOfSuite();

interface Sent {
  readonly organization: OrganizationOf;
  readonly inviter: Person;
  readonly membershipId: string;
  readonly roles: Readonly<Record<string, string>>;
  readonly guest: Person;
  readonly invitation: { readonly id: string; readonly token: string };
}

/** An admin of an organization has invited a guest. */
async function sent(on: TestServer = server): Promise<Sent> {
  const organization = await newOrganization(on);
  const roles = await rolesOf(on, organization);
  const inviter = await newPerson(on, "inviter");
  const { id: membershipId } = await joinAs(on, organization, inviter, roles["Admin"] as string);
  const guest = await newPerson(on, "guest");
  const roleId = roles["Member"] as string;
  const invitation = await invite(on, organization, guest.email, roleId, inviter);
  return { organization, inviter, membershipId, roles, guest, invitation };
}

const accept = ({ invitation, guest }: Sent, on: TestServer = server) =>
  on.call(`POST /api/v1/iam/invitations/${invitation.id}/accept`, { token: guest.token, body: { token: invitation.token } });

async function expectEnded(invitation: Sent): Promise<void> {
  const refused = await withoutTrace(server, () => accept(invitation));
  expect({ status: refused.status, code: refused.body.error?.code }).toEqual({ status: 409, code: "tenancy.invitation_revoked" });
}

describe("an invitation ends with its inviter's permission", () => {
  it("an invitation works while its inviter may invite", async () => {
    expect((await accept(await sent())).status).toBe(200);
  });

  it("an invitation ends when its inviter is removed from the organization", async () => {
    const invitation = await sent();
    const { organization, membershipId } = invitation;
    const path = `organizations/${organization.id}/memberships/${membershipId}`;
    await expectOk(server.call(`DELETE /api/v1/iam/${path}`, { token: organization.owner.token }));
    await expectEnded(invitation);
  });

  it("an invitation ends when its inviter loses the permission to invite", async () => {
    const invitation = await sent();
    const { organization, membershipId, roles } = invitation;
    await expectOk(
      server.call(`PUT /api/v1/iam/organizations/${organization.id}/memberships/${membershipId}`, {
        token: organization.owner.token,
        body: { roleId: roles["Member"] },
      }),
    );
    await expectEnded(invitation);
  });

  it("an invitation is invalid while its inviter's account is suspended, and valid again afterwards", async () => {
    const invitation = await sent();
    const { token } = await newAdministrator(server);
    const set = (status: string) => server.call(`PATCH /api/v1/users/${invitation.inviter.id}`, { token, body: { status } });
    await expectOk(set("Suspended"));
    await expectEnded(invitation);
    await expectOk(set("Active"));
    expect((await accept(invitation)).status).toBe(200);
  });

  it("an invitation works in a process that has no entry of the inviter yet", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-restart-"));
    const database = backend === "postgresql" ? await makeDatabase() : undefined;
    const environment = { GATEHOUSE_DATA_DIR: join(folder, "data"), ...(database ? { DATABASE_URL: database.url } : {}) };
    try {
      const first = await openTestServer(environment);
      const invitation = await sent(first);
      await first.application.settled();
      await first.close();
      const second = await openTestServer(environment);
      try {
        expect((await accept(invitation, second)).status).toBe(200);
      } finally {
        await second.close();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
      await database?.drop();
    }
  });
});
