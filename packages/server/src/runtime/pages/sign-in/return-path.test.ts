/** Attack 16 of docs/security/attacks.md, as far as the pages follow an address. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Fastify from "fastify";
import { afterAll, describe, expect, test } from "vitest";
import { registerPages } from "../index.ts";
import { returnPath } from "./return-path.ts";

const repository = fileURLToPath(new URL("../../../../../../", import.meta.url));
const folder = join(process.env["GATEHOUSE_VECTORS"] ?? join(repository, "../shared/vectors"), "open-redirect");
const found = existsSync(folder);
if (!found) console.warn(`skipped: the open redirects: ${folder} is not there; GATEHOUSE_VECTORS names the folder with the test material`);

/** Every payload, and the forms in which proxies or a second decoding would deliver it. */
const payloads = (): string[] =>
  readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .flatMap((line) => [line, `/${line}`, encodeURI(line), `\t${line}`, `${line}\r\n`]);

const app = Fastify();
registerPages(app, { publicUrl: "https://id.example.com", version: "1.2.3", openapi: () => ({}), errors: new Map() });
afterAll(() => app.close());

/** The addresses that a page leads to. */
async function linksOf(url: string): Promise<string[]> {
  const { statusCode, body, headers } = await app.inject({ method: "GET", url });
  expect(statusCode).toBe(200);
  expect(headers["location"]).toBeUndefined();
  return [...body.matchAll(/(?:href|data-call|action)="([^"]*)"/g)].map(([, address]) => address as string);
}

describe("a path of this site is followed", () => {
  test.each([
    "/",
    "/docs",
    "/docs/",
    "/oauth2/interaction/V1StGXR8_Z5jdHi6B-myT",
    "/oauth2/auth?client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=openid%20email&state=a.b~c-d_e",
    "/sign-in?return_to=%2Foauth2%2Fdevice%3Fuser_code%3DBCDF-GHJK",
    "/a/b.c/~d",
  ])("%s", (path) => {
    expect(returnPath(path)).toBe(path);
  });
});

describe("every other address is refused", () => {
  test.each([
    undefined,
    "",
    ["/docs", "/docs"],
    "docs",
    "?x",
    "//evil.example",
    "/\\evil.example",
    "/docs//evil.example",
    "/./docs",
    "/../docs",
    "/.well-known/x",
    "/docs/..",
    "/docs#//evil.example",
    "/docs?x=//evil.example",
    "/docs?x=%",
    "/docs?x=%0",
    "/docs\n",
    " /docs",
    "/\t/evil.example",
    "/docs%2f..",
    "/tài-liệu",
    "javascript:alert(1)",
    `/${"a".repeat(2_000)}`,
  ])("%s", (value) => {
    expect(returnPath(value)).toBeUndefined();
  });

  test.skipIf(!found)("each published open redirect", () => {
    const all = payloads();
    expect(all.length).toBeGreaterThan(1_000);
    expect(all.filter((payload) => returnPath(payload) !== undefined)).toEqual([]);
  });

  test.skipIf(!found).each(["/sign-in", "/forgot-password"])(
    "%s has the same links for each published open redirect as without one",
    async (page) => {
      const links = await linksOf(page);
      for (const payload of payloads()) {
        expect(await linksOf(`${page}?return_to=${encodeURIComponent(payload)}`), payload).toEqual(links);
      }
    },
  );
});

test("whatever is followed stays on this site for the parser of browsers", () => {
  const characters = ["/", "\\", ".", "a", "?", "#", "@", ":", "%2f", "%5c", "%", "\t", "\n", "&", "=", "~", "-"];
  const origin = "https://id.example.com";
  let followed = 0;
  // Every text of up to five of the characters, so also each combination of slashes, dots and what parsers remove.
  const extend = (text: string, length: number): void => {
    if (returnPath(text) !== undefined) {
      followed += 1;
      const url = new URL(text, origin);
      expect(url.origin).toBe(origin);
      expect(`${url.pathname}${url.search}`, text).toBe(text === "/?" || text.endsWith("?") ? text.slice(0, -1) : text);
    }
    if (length < 4) for (const character of characters) extend(text + character, length + 1);
  };
  extend("/", 0);
  expect(followed).toBeGreaterThan(500);
});
