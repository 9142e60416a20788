import { readdirSync, readFileSync } from "node:fs";
import Fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { strictPolicy } from "../headers.ts";
import { registerPages } from "../index.ts";
import { languages } from "../language.ts";

const interaction = "/oauth2/interaction/V1StGXR8_Z5jdHi6B-myT";
const invitation = "/invitations/0190c2a0-0000-7000-8000-000000000001/accept?token=abc";
const pages = ["/sign-in", "/forgot-password", "/signed-out", interaction, "/oauth2/device", "/oauth2/logout/confirm"];
const hostile = `"><script>alert(1)</script>`;
const escaped = "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;";

let app: FastifyInstance;
/** Requests to the API and to the OpenID Provider, which opening a page must not cause. */
const calls: string[] = [];

beforeAll(() => {
  app = Fastify();
  app.all("/api/*", async ({ url }) => calls.push(url));
  app.all("/oauth2/*", async ({ method, url }) => calls.push(`${method} ${url}`));
  registerPages(app, { publicUrl: "https://id.example.com", version: "1.2.3", openapi: () => ({}), errors: new Map() });
});
afterAll(() => app.close());

const get = (url: string, language = "en") => app.inject({ method: "GET", url, headers: { "accept-language": language } });

describe("every page of signing in", () => {
  test.each(pages)("%s has the strict policy and is neither cached nor told to others", async (url) => {
    const { statusCode, headers, body } = await get(url);
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": strictPolicy,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cross-origin-opener-policy": "same-origin",
      "cache-control": "no-store",
    });
    expect(body).not.toMatch(/<script(?![^>]* src="\/)|<style|\sstyle="|\son\w+="|<img/);
  });

  test.each(pages)("%s has each label, error and description that it refers to, and no id twice", async (url) => {
    const { body } = await get(url);
    const ids = [...body.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id as string);
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...body.matchAll(/\s(?:for|aria-describedby|data-reveal)="([^"]*)"/g)].flatMap(([, list]) =>
      (list as string).split(" "),
    );
    for (const id of references) expect(ids).toContain(id);
    for (const [, id] of body.matchAll(/<input(?! type="(?:hidden|checkbox)")[^>]*\sid="([^"]*)"/g))
      expect(body).toContain(`<label for="${id}">`);
    for (const section of body.split("<section").slice(1)) expect(section.match(/<h1 tabindex="-1">[^<]/g)).toHaveLength(1);
  });

  test.each(pages)("%s calls nothing when it is opened, and no form can be sent without its script", async (url) => {
    calls.length = 0;
    for (const method of ["GET", "HEAD"] as const) expect((await app.inject({ method, url })).statusCode).toBe(200);
    expect(calls).toEqual([]);
    const { body } = await get(url);
    for (const [form] of body.matchAll(/<form[^>]*>/g)) expect(form).toContain('method="post"');
    for (const [button] of body.matchAll(/<button type="submit"[^>]*>/g)) expect(button).toContain(" disabled");
  });

  test.each(pages)("%s is in the language of its reader", async (url) => {
    const [english, vietnamese] = [await get(url), await get(url, "vi")];
    const titleOf = (body: string) => /<title>([^<]*)</.exec(body)?.[1];
    expect(english.headers["content-language"]).toBe("en");
    expect(vietnamese.headers["content-language"]).toBe("vi");
    expect(vietnamese.body).toContain('<html lang="vi">');
    expect(titleOf(vietnamese.body)).not.toBe(titleOf(english.body));
  });
});

test("a name is shown in the order of the language", () => {
  expect(languages.en.browser.fullName).toBe("{firstName} {lastName}");
  expect(languages.vi.browser.fullName).toBe("{lastName} {firstName}");
});

test("a text for the script names the same values in each language", () => {
  const valuesIn = (texts: object): unknown =>
    Object.entries(texts).map(([key, text]) => [
      key,
      typeof text === "object"
        ? valuesIn(text)
        : String(text)
            .match(/\{\w+\}/g)
            ?.sort(),
    ]);
  expect(valuesIn(languages.vi)).toEqual(valuesIn(languages.en));
});

describe("sign-in", () => {
  test("the start page leads to it", async () => {
    expect((await get("/")).body).toContain('<a href="/sign-in">');
  });

  test("continues at return_to, also after a forgotten password", async () => {
    const { body } = await get(`/sign-in?return_to=${encodeURIComponent("/oauth2/device?user_code=BCDF-GHJK")}`);
    expect(body).toContain('id="continue" href="/oauth2/device?user_code=BCDF-GHJK"');
    const forgot = /href="(\/forgot-password\?[^"]*)"/.exec(body)?.[1] as string;
    const back = /href="(\/sign-in\?[^"]*)"/.exec((await get(forgot)).body)?.[1] as string;
    expect((await get(back)).body).toContain('id="continue" href="/oauth2/device?user_code=BCDF-GHJK"');
  });

  test("without return_to it leads nowhere else", async () => {
    for (const query of ["", "?return_to=", `?return_to=${encodeURIComponent(hostile)}`, "?return_to=/docs&return_to=/docs"]) {
      const { body } = await get(`/sign-in${query}`);
      expect(body).not.toContain('id="continue"');
      expect(body).not.toContain("alert(1)");
    }
  });

  test("has the fields that password managers fill", async () => {
    const { body } = await get("/sign-in");
    expect(body).toMatch(/name="email" type="email" autocomplete="username"/);
    expect(body).toMatch(/name="password" type="password" autocomplete="current-password"/);
  });
});

describe("an interaction", () => {
  test("leads back to itself from a forgotten password", async () => {
    const { body } = await get(interaction);
    expect(body).toContain(`href="/forgot-password?return_to=${encodeURIComponent(interaction)}"`);
  });

  test("an id of another form is in no link", async () => {
    for (const id of ["..%2F..%2Fdocs", encodeURIComponent(hostile), "a%3Ab", "%5Cevil.example"]) {
      const { body } = await get(`/oauth2/interaction/${id}`);
      expect(body).toContain('href="/forgot-password"');
      expect(body).not.toContain("alert(1)");
    }
  });

  test("its decisions and details are left to the OpenID Provider", async () => {
    calls.length = 0;
    await app.inject({ method: "POST", url: interaction, payload: { action: "allow" } });
    await get(`${interaction}/details`);
    expect(calls).toEqual([`POST ${interaction}`, `GET ${interaction}/details`]);
  });
});

describe("a device", () => {
  test("has the code of the address in its field, escaped, and looks nothing up", async () => {
    calls.length = 0;
    expect((await get("/oauth2/device?user_code=BCDF-GHJK")).body).toContain('value="BCDF-GHJK"');
    const { body } = await get(`/oauth2/device?user_code=${encodeURIComponent(hostile)}`);
    expect(body).toContain(`value="${escaped}"`);
    expect(body).not.toContain("<script>");
    expect(calls).toEqual([]);
  });

  test("a code that is too long, or given twice, leaves the field empty", async () => {
    for (const query of [`user_code=${"A".repeat(33)}`, "user_code=BCDF&user_code=GHJK"]) {
      expect((await get(`/oauth2/device?${query}`)).body).toMatch(/name="userCode"[^>]* value=""/);
    }
  });

  test("warns before the permission", async () => {
    const { body } = await get("/oauth2/device");
    expect(body.indexOf("Continue only if you started this yourself")).toBeGreaterThan(0);
    expect(body.indexOf("Continue only if you started this yourself")).toBeLessThan(body.indexOf('data-action="allow"'));
  });
});

describe("the scripts", () => {
  const folder = new URL("../assets/", import.meta.url);
  const scriptOf = (name: string) => readFileSync(new URL(name, folder), "utf8");

  test("write what others have written as text, never as markup", () => {
    const scripts = readdirSync(folder).filter((name) => name.endsWith(".js"));
    expect(scripts.length).toBeGreaterThan(15);
    for (const name of scripts)
      expect(scriptOf(name), name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/);
  });

  test.each([
    ["sign-in.js", "/sign-in?return_to=/docs"],
    ["invitation.js", invitation],
    ["check.js", invitation],
    ["sign-in-form.js", invitation],
    ["sign-in-form.js", "/sign-in"],
    ["sign-in-form.js", interaction],
    ["sign-in-form.js", "/oauth2/device"],
    ["forgot-password.js", "/forgot-password"],
    ["interaction.js", interaction],
    ["device.js", "/oauth2/device"],
    ["sign-out.js", "/oauth2/logout/confirm"],
  ])("%s finds each element and step that it uses on %s", async (name, url) => {
    const { body } = await get(url);
    const source = scriptOf(name);
    const found = (pattern: RegExp) => [...source.matchAll(pattern)].map(([, one]) => one as string);
    const ids = found(/(?:element|getElementById)\("([\w-]+)"\)/g);
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) expect(body).toContain(`id="${id}"`);
    const steps = found(/goTo\(([^)]*)\)/g).flatMap((argument) => [...argument.matchAll(/(?<!=== )"([\w-]+)"/g)].map(([, step]) => step));
    for (const step of steps) expect(body).toContain(`data-step="${step}"`);
    for (const [, step] of body.matchAll(/data-go="([\w-]+)"/g)) expect(body).toContain(`data-step="${step}"`);
  });
});
