/** Attack 23 of docs/security/attacks.md. */
import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPglite, describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { invite, newPerson, signIn } from "@gatehouse/testing/people.ts";
import { untilAvailable } from "@gatehouse/testing/requests.ts";
import type { AnyBody, Backend } from "@gatehouse/testing/server.ts";
import { quiet, rowsOf } from "@gatehouse/testing/stored-rows.ts";
import { World } from "@gatehouse/testing/world.ts";
import { expect, it } from "vitest";

const accepts = 50;

function suite(backend: Backend): void {
  const world = World.ofSuite([], {}, backend);
  const { server } = world;

  it(`${accepts} accepts of one invitation at once make one membership`, async () => {
    const guest = await newPerson(server, "guest");
    const sessions = [guest.token, ...(await Promise.all(times(4).map(() => signIn(server, guest.email))))];
    const { id, token } = await invite(server, world.organization, guest.email, world.roles["Member"] as string);
    await quiet(server);
    const before = await rowsOf(server);
    const answers = await Promise.all(
      times(accepts).map((index) =>
        untilAvailable(() =>
          server.call<AnyBody>(`POST /api/v1/iam/invitations/${id}/accept`, {
            token: sessions[index % sessions.length] as string,
            body: { token },
          }),
        ),
      ),
    );
    const outcomes = Map.groupBy(answers, ({ status, body }) => `${status} ${body.error?.code ?? ""}`.trim());
    expect([...outcomes.keys()].sort()).toEqual(["200", "409 tenancy.invitation_accepted"]);
    expect(outcomes.get("200")).toHaveLength(1);
    await quiet(server);
    const after = await rowsOf(server);
    const more = (table: string) => (after.get(`public.${table}`)?.length ?? 0) - (before.get(`public.${table}`)?.length ?? 0);
    expect({ memberships: more("memberships"), assignments: more("role_assignments"), audited: more("audit_entries") }).toEqual({
      memberships: 1,
      assignments: 1,
      audited: 1,
    });
    const events = (after.get("public.events") ?? [])
      .filter((row) => !before.get("public.events")?.includes(row))
      .map((row) => JSON.parse(row).type);
    expect(events.filter((type) => type !== "decisions.projection_changed.v1").sort()).toEqual([
      "assignment.changed.v1",
      "invitation.accepted.v1",
      "membership.created.v1",
    ]);
    const { items } = await expectOk(
      server.call(`GET /api/v1/iam/organizations/${world.own.id}/memberships`, { token: world.own.owner.token }),
    );
    expect(items.filter((item: AnyBody) => item.userId === guest.id)).toHaveLength(1);
  });
}

describeOnPostgresql("parallel accepts", () => suite("postgresql"));
describeOnPglite("parallel accepts", () => suite("pglite"));
