import Fastify, { type FastifyInstance, type InjectOptions } from "fastify";
import { afterEach, describe, expect, test } from "vitest";
import { defineError, kernelErrors } from "#operation/declaration/errors.ts";
import { answerError } from "#operation/http/error-answer.ts";
import type { InboxItem } from "#platform/mail/inbox.ts";
import { strictPolicy } from "./headers.ts";
import { type PageOptions, registerPages } from "./index.ts";

const LastOwner = defineError("tenancy.last_owner", 409, "An organization keeps <at least> one owner.");
const publicUrl = "https://id.example.com";
const invitation = "/invitations/0190c2a0-0000-7000-8000-000000000001/accept";
const withToken = ["/setup", "/verify-email", "/reset-password", invitation];
const plainPages = ["/", "/docs", "/errors", "/errors/tenancy.last_owner", "/errors/no.such_code", "/verify-email", "/dev/inbox"];

const mail = (changes: Partial<InboxItem> = {}): InboxItem => ({
  id: "0190c2a0-0000-7000-8000-0000000000aa",
  to: "ada@example.com",
  subject: "Confirm your address",
  text: `Open this:\n\n${publicUrl}/verify-email?token=abc.\n\nBye`,
  html: "<p>Hello</p>",
  template: "verify-email",
  locale: "en",
  links: [],
  createdAt: new Date("2026-01-02T03:04:05Z"),
  ...changes,
});

let app: FastifyInstance;
/** Every request to the API, which no GET of a page may cause. */
let apiCalls: string[];

/** An HTTP server with the error envelope and an API that only counts. */
function start({ mails = [mail()], ...changes }: Partial<PageOptions> & { mails?: readonly InboxItem[] } = {}): FastifyInstance {
  app = Fastify();
  apiCalls = [];
  app.setNotFoundHandler((request, reply) => answerError(undefined, request, reply, { publicUrl, report: () => {} }));
  app.all("/api/*", async (request) => apiCalls.push(request.url));
  registerPages(app, {
    publicUrl,
    version: "1.2.3",
    openapi: () => ({ openapi: "3.1.0" }),
    errors: new Map([...kernelErrors, LastOwner].map((error) => [error.code, error])),
    inbox: { list: async () => mails, localOnly: async () => {} },
    ...changes,
  });
  return app;
}

const get = (url: string, headers: Record<string, string> = {}) => app.inject({ method: "GET", url, headers } satisfies InjectOptions);

afterEach(() => app.close());

describe("untrusted input is escaped", () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;`;

  test.each(withToken)("a token in %s", async (url) => {
    start();
    const { body } = await get(`${url}?token=${encodeURIComponent(hostile)}`);
    expect(body).not.toContain("<script>");
    expect(body).not.toContain("<img");
    expect(body).toContain(
      'name="token" value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&#39;alert(2)&#39;&gt;&amp;amp;"',
    );
  });

  test("a mail: its subject, recipient and text", async () => {
    start({ mails: [mail({ subject: hostile, to: hostile, text: hostile, template: hostile, locale: hostile })] });
    const { body } = await get("/dev/inbox");
    expect(body).not.toContain("<script>");
    expect(body).not.toContain("<img");
  });

  test("a mail's HTML stays inside a frame without rights", async () => {
    start({ mails: [mail({ html: `<p>"hi"</p></iframe>${hostile}` })] });
    const { body } = await get("/dev/inbox");
    expect(body).toMatch(/<iframe sandbox=""[^>]* srcdoc="&lt;p&gt;&quot;hi&quot;&lt;\/p&gt;&lt;\/iframe&gt;&quot;&gt;&lt;script&gt;/);
    expect(body).not.toContain("<script>");
  });

  test("only http and https become links, and neither a quote nor the end of a sentence belongs to one", async () => {
    const text = `javascript:alert(1) data:text/html,x See (https://a.example/b?c=1&d=2). "http://x.example/"onmouseover="alert(1)`;
    start({ mails: [mail({ text })] });
    const { body } = await get("/dev/inbox");
    const shown = body.slice(body.indexOf('<div class="mail-text">'), body.indexOf("<details>"));
    expect([...shown.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
      "https://a.example/b?c=1&amp;d=2",
      "http://x.example/&quot;onmouseover=&quot;alert(1",
    ]);
    expect(shown).toContain("</a>). &quot;<a ");
  });

  test("an unknown error code, and the message of a known one", async () => {
    start();
    const unknown = await get(`/errors/${encodeURIComponent("<script>x</script>")}`);
    expect(unknown.statusCode).toBe(404);
    expect(unknown.body).toContain("&lt;script&gt;x&lt;/script&gt;");
    expect((await get("/errors/tenancy.last_owner")).body).toContain("keeps &lt;at least&gt; one owner");
  });

  test("an invitation's id must be a UUID, because it becomes part of an address", async () => {
    start();
    for (const id of ["..%2F..%2Fauth%2Flogout", "%22%3E", "1"]) {
      const answer = await get(`/invitations/${id}/accept?token=abc`);
      expect(answer.body).not.toContain("data-call");
    }
  });
});

describe("opening a link changes nothing", () => {
  test.each(withToken)("%s", async (url) => {
    start();
    for (const method of ["GET", "HEAD"] as const) {
      expect((await app.inject({ method, url: `${url}?token=abc` })).statusCode).toBe(200);
    }
    expect(apiCalls).toEqual([]);
  });

  test.each(withToken)("%s without a token, or with two, shows no form", async (url) => {
    start();
    for (const query of ["", "?token=", "?token=a&token=b"]) {
      const answer = await get(`${url}${query}`);
      expect(answer.statusCode).toBe(400);
      expect(answer.body).not.toContain("<form");
    }
  });

  test("without its script no form can be sent, so no password gets into an address", async () => {
    start();
    const { body } = await get("/reset-password?token=abc");
    expect(body).toContain('method="post"');
    expect(body).toContain('<button type="submit" disabled>');
    expect(body).toContain("<noscript>");
  });
});

describe("headers", () => {
  test.each([...plainPages, ...withToken.map((url) => `${url}?token=abc`)])("of %s", async (url) => {
    start();
    const { headers } = await get(url);
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(headers["referrer-policy"]).toBe("no-referrer");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["cross-origin-opener-policy"]).toBe("same-origin");
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["vary"]).toBe("accept-language");
    expect(headers["x-request-id"]).toEqual(expect.any(String));
    expect(headers["content-security-policy"]).toMatch(strictPolicy);
  });

  test("the policy allows no other origin and no inline script", async () => {
    expect(strictPolicy).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
        "frame-ancestors 'none'; base-uri 'none'",
    );
    start();
    for (const url of [...plainPages, ...withToken.map((page) => `${page}?token=abc`)]) {
      const { headers, body } = await get(url);
      const more = url === "/dev/inbox" ? "; style-src-attr 'unsafe-inline'" : "";
      expect(headers["content-security-policy"]).toBe(strictPolicy + more);
      expect(body).not.toMatch(/<script(?![^>]* src="\/)|<style|\sstyle="|\son\w+="/);
    }
  });

  test("the API's answers have no headers of the pages", async () => {
    start();
    expect((await get("/api/v1/anything")).headers["content-security-policy"]).toBeUndefined();
  });
});

describe("development inbox", () => {
  test("shows the mails and explains why it exists", async () => {
    start();
    const { body } = await get("/dev/inbox");
    expect(body).toContain("no SMTP_URL is set");
    expect(body).toContain("Confirm your address");
    expect(body).toContain('datetime="2026-01-02T03:04:05.000Z"');
    expect(body).toContain(`<a href="${publicUrl}/verify-email?token=abc" rel="noopener noreferrer" target="_blank">`);
  });

  test("returns the same as JSON", async () => {
    start();
    const answer = await get("/dev/inbox.json");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.json()).toEqual({ items: [{ ...mail(), createdAt: "2026-01-02T03:04:05.000Z" }] });
  });

  test("answers 304 until there is a new mail", async () => {
    const mails = [mail()];
    start({ mails });
    const { headers } = await get("/dev/inbox");
    const tag = { "if-none-match": String(headers.etag) };
    expect((await get("/dev/inbox", tag)).statusCode).toBe(304);
    mails.unshift(mail({ id: "0190c2a0-0000-7000-8000-0000000000bb" }));
    expect((await get("/dev/inbox", tag)).statusCode).toBe(200);
  });

  test.each(["/dev/inbox", "/dev/inbox.json"])("%s does not exist where mails are sent", async (url) => {
    start({ inbox: undefined });
    const answer = await get(url);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ success: false, error: { code: "common.not_found" } });
    expect((await get("/")).body).not.toContain("/dev/inbox");
  });
});

describe("language", () => {
  test.each([
    [undefined, "en"],
    ["vi", "vi"],
    ["vi-VN,vi;q=0.9,en;q=0.8", "vi"],
    ["en-GB,en;q=0.9,vi;q=0.8", "en"],
    ["en;q=0.5, vi;q=0.7", "vi"],
    ["fr-FR,fr;q=0.9,vi;q=0.3", "vi"],
    ["vi;q=0", "en"],
    ["fr", "en"],
    ["*;q=0.1,vi;q=nonsense", "en"],
    [";;,,=q", "en"],
  ])("%s reads %s", async (header, language) => {
    start();
    const answer = await get("/setup?token=abc", header === undefined ? {} : { "accept-language": header });
    expect(answer.headers["content-language"]).toBe(language);
    expect(answer.body).toContain(`<html lang="${language}">`);
    expect(answer.body).toContain(`name="locale" value="${language}"`);
    expect(answer.body).toContain(language === "vi" ? "Thiết lập Gatehouse" : "Set up Gatehouse");
  });

  test("Vietnamese has the family name first", async () => {
    start();
    const { body } = await get("/setup?token=abc", { "accept-language": "vi" });
    expect(body.indexOf('name="lastName"')).toBeLessThan(body.indexOf('name="firstName"'));
  });
});

describe("API reference", () => {
  test("loads everything from this server", async () => {
    start();
    const { body } = await get("/docs");
    const addresses = [...body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address as string);
    expect(addresses.every((address) => address.startsWith("/"))).toBe(true);
    for (const address of addresses.filter((one) => one.startsWith("/docs/assets/") || one.startsWith("/pages/assets/"))) {
      expect((await get(address)).statusCode).toBe(200);
    }
  });

  test.each([
    ["swagger-ui-bundle.js", "text/javascript; charset=utf-8"],
    ["swagger-ui.css", "text/css; charset=utf-8"],
  ])("%s is cached for long and compressed", async (name, type) => {
    start();
    const plain = await get(`/docs/assets/${name}`);
    expect(plain.headers["content-type"]).toBe(type);
    expect(plain.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    const small = await get(`/docs/assets/${name}`, { "accept-encoding": "gzip, br" });
    expect(small.headers["content-encoding"]).toBe("gzip");
    expect(small.rawPayload.length).toBeLessThan(plain.rawPayload.length / 2);
    expect((await get(`/docs/assets/${name}`, { "accept-encoding": "gzip;q=0" })).headers["content-encoding"]).toBeUndefined();
  });

  test.each([
    "/docs/assets/package.json",
    "/docs/assets/index.html",
    "/docs/assets/swagger-ui.js",
    "/docs/assets/",
    "/docs/assets/..%2fpackage.json",
    "/docs/assets/../package.json",
    "/docs/assets/%2e%2e%2f%2e%2e%2ffastify%2fpackage.json",
    "/docs/assets/swagger-ui.css%00.js",
    "/docs/assets/constructor",
    "/pages/assets/..%2findex.ts",
    "/pages/assets/%2e%2e%2fpages.test.ts",
    "/pages/assets/__proto__",
  ])("no other file is served: %s", async (url) => {
    start();
    const answer = await get(url);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ error: { code: "common.not_found" } });
  });

  test("the description is generated once", async () => {
    let made = 0;
    start({ openapi: () => ({ openapi: "3.1.0", made: ++made }) });
    const [first, second] = [await get("/openapi.json"), await get("/openapi.json")];
    expect(first.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(first.json()).toEqual({ openapi: "3.1.0", made: 1 });
    expect(second.body).toBe(first.body);
    expect((await get("/openapi.json", { "if-none-match": String(first.headers.etag) })).statusCode).toBe(304);
  });
});

describe("error codes", () => {
  test("each error is in the list and has a page with its status and a remedy", async () => {
    start();
    const list = await get("/errors");
    for (const { code, status } of [...kernelErrors, LastOwner]) {
      expect(list.body).toContain(`href="/errors/${code}"`);
      const page = await get(`/errors/${code}`);
      expect(page.statusCode).toBe(200);
      expect(page.body).toContain(`<dd>${status}</dd>`);
    }
  });
});
