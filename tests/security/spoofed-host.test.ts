/** Attack 27 of docs/security/attacks.md. */
import { expectOk } from "@gatehouse/testing/answers.ts";
import { address, newPerson, password } from "@gatehouse/testing/people.ts";
import { World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";

const publicUrl = "https://id.example.com";
const evil = "evil.example.net";

/** Every way in which a request can claim another host. */
const spoofed: Readonly<Record<string, string>> = {
  host: evil,
  "x-forwarded-host": evil,
  "x-forwarded-server": evil,
  "x-forwarded-proto": "http",
  "x-forwarded-port": "1337",
  "x-forwarded-prefix": `//${evil}`,
  "x-original-url": `//${evil}/`,
  "x-rewrite-url": `//${evil}/`,
  "x-host": evil,
  "x-http-host-override": evil,
  forwarded: `for=203.0.113.9;host=${evil};proto=http`,
  origin: `https://${evil}`,
  referer: `https://${evil}/reset`,
};

describe.each([{ TRUST_PROXY: "false" }, { TRUST_PROXY: "true" }])("a spoofed host, $TRUST_PROXY", (environment) => {
  const world = World.ofSuite([], { PUBLIC_URL: publicUrl, ...environment });
  const { server } = world;

  async function expectOwnLinks(to: string, template: string): Promise<void> {
    const mail = await server.mail(to, template);
    expect(mail.links.length).toBeGreaterThan(0);
    for (const link of mail.links) expect(new URL(link).origin).toBe(publicUrl);
    const [row] = await server.application.platform.database.owner
      .selectFrom("development_mails")
      .select(["body_text", "body_html", "subject"])
      .where("id", "=", mail.id)
      .execute();
    expect(JSON.stringify(row)).not.toContain("evil");
  }

  const send = async (route: string, body: object, token?: string) => {
    const answer = await server.call(route, { body, headers: spoofed, ...(token === undefined ? {} : { token }) });
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    expect(JSON.stringify([answer.body, answer.headers])).not.toContain("evil");
    return answer;
  };

  it("a spoofed host is not in the link that confirms an address, nor in the answer", async () => {
    const email = address("newcomer");
    await send("POST /api/v1/iam/auth/register", { email, password, firstName: "A", lastName: "B", locale: "en" });
    await expectOwnLinks(email, "verify-email");
  });

  it("a spoofed host is not in the mail to a known address", async () => {
    const { email } = await newPerson(server, "known");
    await send("POST /api/v1/iam/auth/register", { email, password, firstName: "A", lastName: "B", locale: "en" });
    await expectOwnLinks(email, "address-known");
  });

  it("a spoofed host is not in the link that resets a password, nor in the mail that reports the reset", async () => {
    const { email } = await newPerson(server, "forgetful");
    await send("POST /api/v1/iam/auth/forgot-password", { email });
    await expectOwnLinks(email, "reset-password");
    const { links } = await server.mail(email, "reset-password");
    const token = new URL(links[0] as string).searchParams.get("token");
    await send("POST /api/v1/iam/auth/reset-password", { token, password: "another quiet harbour" });
    await expectOwnLinks(email, "password-changed");
  });

  it("a spoofed host is not in the link of an invitation", async () => {
    const email = address("guest");
    const { id, owner, roles } = world.own;
    await send(`POST /api/v1/iam/organizations/${id}/invitations`, { email, roleId: roles["Member"] }, owner.token);
    await expectOwnLinks(email, "invitation");
  });

  it("a spoofed host is not in errors, cookies or the OpenAPI document", async () => {
    const error = await server.call("GET /api/v1/iam/nothing", { headers: spoofed });
    expect(error.body.error.docs.startsWith(`${publicUrl}/errors/`)).toBe(true);
    const signedIn = await server.call("POST /api/v1/iam/auth/login", {
      body: { email: world.own.owner.email, password },
      headers: { ...spoofed, origin: publicUrl },
    });
    expect(String(signedIn.headers["set-cookie"])).toMatch(/Secure/);
    expect(String(signedIn.headers["set-cookie"])).not.toMatch(/Domain/i);
    expect(JSON.stringify(await expectOk(server.call("GET /openapi.json", { headers: spoofed })))).not.toContain("evil");
    for (const page of ["/", "/reset-password?token=x", "/errors"]) {
      const shown = await server.call(`GET ${page}`, { headers: spoofed });
      expect(JSON.stringify([shown.body, shown.headers])).not.toContain("evil");
    }
  });
});
