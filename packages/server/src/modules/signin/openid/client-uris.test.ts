/** Attack 16 of docs/security/attacks.md: what can be registered. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { clientFields } from "@gatehouse/testing/clients.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";
import { redirectUriIssue, webUriIssue } from "./client-uris.ts";

const repository = join(dirname(fileURLToPath(import.meta.url)), "../../../../../..");
const folder = join(process.env["GATEHOUSE_VECTORS"] ?? join(repository, "../shared/vectors"), "open-redirect");
const found = existsSync(folder);
if (!found) console.warn(`skipped: open redirects: ${folder} is not there; GATEHOUSE_VECTORS names the folder with the test material`);

const ofPublic = { isPublic: true, development: false };
const ofConfidential = { isPublic: false, development: false };
const ofDevelopment = { isPublic: false, development: true };

const https = [
  "https://app.example.com",
  "https://app.example.com/",
  "https://app.example.com:8443/callback?tenant=a&x=1",
  "https://app.example.com/a%20b/c;v=1/~d?next=%2Fhome",
  "https://xn--bcher-kva.example/callback",
  "https://192.0.2.1/callback",
  "https://[2001:db8::1]/callback",
];
const loopback = [
  "http://127.0.0.1/callback",
  "http://127.0.0.1:51004/callback",
  "http://[::1]/callback",
  "http://[::1]:3000/callback",
  "http://localhost:3000/callback",
];
const privateUse = ["com.example.app:/callback", "com.example.app://callback", "com.example.my-app.v2:/a/b?x=1"];

describe("a redirect URI", () => {
  it("is an https address for every client", () => {
    for (const policy of [ofPublic, ofConfidential, ofDevelopment])
      for (const uri of https) expect(redirectUriIssue(uri, policy), uri).toBeUndefined();
  });

  it("is also a loopback address or a private-use scheme for a public client", () => {
    for (const uri of [...loopback, ...privateUse]) {
      expect(redirectUriIssue(uri, ofPublic), uri).toBeUndefined();
      expect(redirectUriIssue(uri, ofConfidential)?.rule, uri).toBe("https");
    }
  });

  it("is also a loopback address for every client of a server in development", () => {
    for (const uri of loopback) expect(redirectUriIssue(uri, ofDevelopment), uri).toBeUndefined();
    for (const uri of privateUse) expect(redirectUriIssue(uri, ofDevelopment)?.rule, uri).toBe("https");
  });

  it.each<[string, readonly string[]]>([
    ["fragment", ["https://app.example.com/#", "https://app.example.com/callback#a", "com.example.app:/callback#"]],
    ["absolute", ["/callback", "//app.example.com/callback", "app.example.com/callback", "https://", "https://:443/", "http://[::1/"]],
    ["credentials", ["https://user@app.example.com/", "https://user:pass@app.example.com/", "https://app.example.com:443@evil.example/"]],
    [
      "characters",
      [
        " https://app.example.com/",
        "https://app.example.com/ callback",
        "https://app.example.com/\tcallback",
        "https://app.example.com/\r\nLocation:https://evil.example",
        "https://app.example.com/\u0000",
        "https://app.example.com/\u007f",
        "https://app.example.com\\@evil.example/",
        "https:\\\\app.example.com/",
        "https://*.example.com/callback",
        "https://app.example.com/*",
        "https://app.example.com/%0d%0aLocation:evil",
        "https://app.example.com/%00",
        "https://app.example.com/%7f",
        "https://app.example.com/%5cevil.example",
        "https://app.example.com/%",
        "https://app.example.com/%zz",
        "https://app.example.com/%u000a",
        "https://app.example.com/%c2%85",
        "https://app.example.com/%c0%af",
        "https://bücher.example/",
        "https://app。example.com/",
        'https://app.example.com/"onload=',
        "https://app.example.com/<script>",
        "https://app.example.com/{id}",
      ],
    ],
    [
      "normalized",
      [
        "HTTPS://app.example.com/",
        "https://APP.example.com/",
        "https://app.example.com:443/",
        "https://app.example.com:/",
        "https:app.example.com/",
        "https:/app.example.com/",
        "https:///app.example.com/",
        "https://@app.example.com/",
        "https://app.example.com/a/../b",
        "https://app.example.com/./a",
        "https://app.example.com/%2e%2e/a",
        "https://app.example.com/%2f..",
        "com.example.app:/%2F/evil.example",
        "https://app.example.com?x=1",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://[0:0:0:0:0:0:0:1]/",
        "com.example.app:/a/../b",
        "com.example.app://callback%E3%80%82example",
      ],
    ],
    [
      "https",
      [
        "http://app.example.com/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.2/",
        "http://0.0.0.0/",
        "http://[::ffff:7f00:1]/",
        "http://localhost./",
      ],
    ],
    [
      "scheme",
      [
        "javascript:alert(1)",
        "javascript://app.example.com/%250aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example.com/1",
        "about:blank",
        "ftp://app.example.com/",
        "ws://app.example.com/",
        "wss://app.example.com/",
        "mailto:a",
        "urn:ietf:wg:oauth:2.0:oob",
        "myapp:/callback",
        "com.example.app:callback",
        "com.:/callback",
      ],
    ],
  ])("is refused by the rule %s", (rule, uris) => {
    for (const uri of uris) {
      expect(redirectUriIssue(uri, ofPublic)?.rule, JSON.stringify(uri)).toBe(rule);
      expect(redirectUriIssue(uri, ofConfidential), JSON.stringify(uri)).toBeDefined();
      expect(redirectUriIssue(uri, ofDevelopment), JSON.stringify(uri)).toBeDefined();
    }
  });
});

describe("the address of a page or a service", () => {
  it("is an https address, in development also a loopback address", () => {
    for (const uri of https) expect(webUriIssue(uri, { development: false }), uri).toBeUndefined();
    for (const uri of [...loopback, ...privateUse]) expect(webUriIssue(uri, { development: false })?.rule, uri).toBe("https");
    for (const uri of loopback) expect(webUriIssue(uri, { development: true }), uri).toBeUndefined();
    for (const uri of ["javascript:alert(1)", "http://app.example.com/", ...privateUse])
      expect(webUriIssue(uri, { development: true })?.rule, uri).toBe("https");
  });
});

const world = World.ofSuite();
const register = (kind: string, fields: Readonly<Record<string, unknown>>): Promise<Answer<AnyBody>> =>
  world.server.call("POST /api/v1/clients", {
    token: world.owner.token,
    body: clientFields({ organizationId: world.organization.id, kind, ...fields }),
  });

/** What may be accepted at most, without the parser under test: a host name, and a path without escapes, dot segments or backslashes. */
const plainHttps = /^https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)*(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9:._~-]*)*$/;

const linesOf = (file: string): string[] =>
  readFileSync(join(folder, file), "utf8")
    .split("\n")
    .filter((line) => line !== "");

describe.runIf(found)("the payloads of open redirects", () => {
  it("cannot be registered, unless they are plain https addresses", async () => {
    const base = "https://app.example.com";
    const payloads = ["open-redirect-payloads.txt", "open-redirect-params.txt", "crlf.txt"].flatMap(linesOf);
    const accepted: string[] = [];
    expect(payloads.length).toBeGreaterThan(250);
    for (const payload of payloads) {
      for (const uri of [payload, `${base}${payload}`, `${base}/callback?next=${payload}`, `com.example.app:${payload}`]) {
        for (const policy of [ofPublic, ofConfidential]) {
          if (redirectUriIssue(uri, policy) !== undefined) continue;
          accepted.push(uri);
          const read = new URL(uri);
          expect([uri, `${uri}/`], uri).toContain(read.href);
          expect(decodeURIComponent(uri), uri).not.toMatch(/[\p{Cc}\\*#]/u);
          if (uri === payload) expect(uri).toMatch(plainHttps);
          else if (uri.startsWith(base)) expect(read.host, uri).toBe("app.example.com");
          else expect(read.protocol, uri).toBe("com.example.app:");
        }
      }
    }
    expect(accepted).toContain("https://google.com/");
    // Through the API, each once: what the rules refuse is refused with its place.
    await withoutTrace(world.server, async () => {
      for (const payload of payloads.filter((text) => redirectUriIssue(text, ofPublic) !== undefined)) {
        const places = ["redirectUris", "postLogoutRedirectUris"];
        for (const field of places) {
          const fields = { redirectUris: ["https://app.example.com/"], [field]: [payload] };
          expectError(await register("public", fields), 400, "common.validation_failed", `${field}.0`);
        }
      }
    });
  }, 120_000);
});

describe("POST /api/v1/clients", () => {
  it("registers each kind of redirect URI for the clients that may have it", async () => {
    const answer = await register("public", { redirectUris: [...https, ...loopback, ...privateUse] });
    expectWritten(answer, 201);
    expect(answer.body.redirectUris).toEqual([...https, ...loopback, ...privateUse]);
    // The test server is on a loopback address.
    expectWritten(await register("confidential", { redirectUris: loopback }), 201);
    await withoutTrace(world.server, async () => {
      expectError(await register("confidential", { redirectUris: privateUse }), 400, "common.validation_failed", "redirectUris.2");
    });
  });
});

describe.runIf(!found)("the payloads of open redirects", () => {
  it.skip(`are not there: GATEHOUSE_VECTORS names the folder with the test material`, () => {});
});
