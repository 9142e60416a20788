/** The examples in examples/sign-in do what their README says, against a server that runs as `npm start` runs it. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { ofSuite } from "@gatehouse/testing/suite.ts";
import { WebBrowser } from "@gatehouse/testing/web-browser.ts";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { root } from "./process.ts";
import { call, Examples, folder, promised } from "./sign-in-examples.ts";

const suite = ofSuite(
  () => Examples.start(),
  (examples) => examples.close(),
);
let examples: Examples;
beforeAll(async () => {
  examples = suite();
  expect((await examples.run("node set-up.js")).output).toContain("Ready.");
  for (const name of ["api", "spa", "web"]) await examples.begin(`node ${name}/server.js`, "Listening on");
});

const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8"));

it("the examples pin the versions that the repository has, and their lockfile names no registry", () => {
  const { dependencies } = readJson(join(folder, "package.json"));
  const installed = Object.keys(dependencies).map((name) => [name, readJson(join(root, "node_modules", name, "package.json")).version]);
  expect(dependencies).toEqual(Object.fromEntries(installed));
  const lockfile = readFileSync(join(folder, "package-lock.json"), "utf8");
  expect(lockfile).not.toMatch(/"resolved"/);
  expect(JSON.parse(lockfile).packages[""].dependencies).toEqual(dependencies);
});

it("no file of the examples is longer than a reader's five minutes", () => {
  for (const file of globSync("**/*.js", { cwd: folder, exclude: ["node_modules/**"] }))
    expect(readFileSync(join(folder, file), "utf8").split("\n").length, file).toBeLessThan(260);
});

describe("the programs without a user", () => {
  it("the service and the machine print what the README shows", async () => {
    for (const command of ["node service/report.js", "node machine/packing.js"]) {
      const { code, output } = await examples.run(command);
      expect([code, output]).toEqual([0, promised(command)]);
    }
  });

  it("are refused by the API without a credential, with a forged one, and with two", async () => {
    const orders = (headers: Readonly<Record<string, string>>) => fetch(`${examples.addresses.api}/orders`, { headers });
    const { machineKey } = examples.installation as { machineKey: string };
    const forged = `${btoa('{"alg":"none","typ":"at+jwt"}').replaceAll("=", "")}.e30.`;
    for (const headers of [
      {},
      { authorization: `Bearer ${forged}` },
      { "x-api-key": `${machineKey.slice(0, -1)}_` },
      { "x-api-key": machineKey, authorization: `Bearer ${forged}` },
    ])
      expect((await orders(headers)).status).toBe(401);
    expect((await orders({ "x-api-key": machineKey })).status).toBe(200);
  });
});

describe("the server-rendered application", () => {
  const signedIn = async (browser: WebBrowser) => {
    const { web } = examples.addresses;
    const asked = await browser.submit(`${web}/sign-in`);
    expect(asked.url.origin).toBe(examples.server.url);
    await examples.signIn(browser);
    return examples.decide(browser, asked, { action: "continue" });
  };

  it("signs in, shows the user and the orders, approves one, refreshes, and signs out of both", async () => {
    const { web } = examples.addresses;
    const browser = new WebBrowser();
    const welcome = await browser.open(web);
    expect(welcome.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(welcome.body).toContain("does not know you yet");
    const shown = await signedIn(browser);
    expect(shown.url.href).toBe(`${web}/`);
    expect(shown.body).toContain("First Administrator");
    expect(shown.body).toContain("Green Harbour");
    expect(shown.body).toMatch(/1001: Sea charts[\s\S]*1002: Two anchors/);
    expect((await browser.submit(`${web}/approve`, { id: "1001" })).body).toContain("<em>approved</em>");
    expect((await browser.submit(`${web}/refresh`)).body).toContain("Access tokens refreshed: 1");
    const signedOut = await browser.submit(`${web}/sign-out`);
    expect([signedOut.url.href, signedOut.status]).toEqual([`${web}/`, 200]);
    expect(signedOut.body).toContain("does not know you yet");
    expect((await browser.submit(`${web}/sign-in`)).url.pathname).toContain("/oauth2/interaction/");
  });

  it("says that a sign-in was cancelled, and refuses an answer that this browser did not ask for", async () => {
    const { web } = examples.addresses;
    const browser = new WebBrowser();
    const asked = await browser.submit(`${web}/sign-in`);
    const cancelled = await examples.decide(browser, asked, { action: "deny" });
    expect([cancelled.status, cancelled.body]).toEqual([403, expect.stringContaining("access_denied")]);
    expect((await new WebBrowser().open(`${web}/callback?code=x&state=y`)).body).toContain("sign_in_unknown");
    const foreign = await fetch(`${web}/sign-in`, { method: "POST", headers: { origin: "https://evil.example" } });
    expect(foreign.status).toBe(403);
  });

  it("forgets a user who signs out elsewhere", async () => {
    const { web } = examples.addresses;
    const browser = new WebBrowser();
    await signedIn(browser);
    await call(browser, `${examples.server.url}/api/v1/iam/auth/logout`, {});
    await eventually(async () => (await browser.open(web)).body).toContain("does not know you yet");
  });
});

describe("the command-line tool", () => {
  const login = async () => {
    const tool = await examples.begin("node cli/orders.js login", "enter the code");
    const [, code = ""] = /enter the code ([A-Z-]+)/.exec(tool.output()) ?? [];
    return { tool, code };
  };

  it("signs in with the code of a device, and does what the README shows until it signs out", async () => {
    const unknown = await examples.run("node cli/orders.js whoami");
    expect([unknown.code, unknown.output]).toEqual([1, expect.stringContaining("You are not signed in")]);
    const { tool, code } = await login();
    const browser = new WebBrowser();
    await examples.signIn(browser);
    const { client, scopes } = await call(browser, `${examples.server.url}/oauth2/device/details?user_code=${code}`);
    expect([client.name, scopes.length]).toEqual(["Orders on the command line", 7]);
    await call(browser, `${examples.server.url}/oauth2/device`, { userCode: code, action: "allow" });
    expect(await tool.ended).toEqual({ code: 0, signal: null });
    for (const command of ["whoami", "approve 1002"]) {
      const { output } = await examples.run(`node cli/orders.js ${command}`);
      expect(output).toBe(promised(`node cli/orders.js ${command}`));
    }
    expect((await examples.run("node cli/orders.js refresh")).output).toBe("The tokens are new.\n");
    expect((await examples.run("node cli/orders.js list")).output).toMatch(
      /^1001 {2}\w+ +Sea charts.*\n1002 {2}approved {2}Two anchors\n$/,
    );
    expect((await examples.run("node cli/orders.js approve 9")).output).toContain("There is no such order. (order_not_found)");
    expect((await examples.run("node cli/orders.js logout")).output).toBe("Signed out.\n");
    expect((await examples.run("node cli/orders.js list")).code).toBe(1);
  });

  it("says that it was denied", async () => {
    const { tool, code } = await login();
    const browser = new WebBrowser();
    await examples.signIn(browser);
    await call(browser, `${examples.server.url}/oauth2/device`, { userCode: code, action: "deny" });
    expect(await tool.ended).toEqual({ code: 1, signal: null });
    expect(tool.output()).toContain("The request was denied in the browser.");
  });
});

describe("the single-page application", () => {
  afterEach(() => vi.unstubAllGlobals());

  /** A tab with what the module of the sign-in uses. Requests to other origins need their permission (Fetch, CORS). */
  function tab(origin: string) {
    const stored = new Map<string, string>();
    const location = { origin, href: `${origin}/`, left: "", assign: (url: URL) => void Object.assign(location, { left: url.href }) };
    vi.stubGlobal("location", location);
    vi.stubGlobal("history", {
      replaceState: (_state: unknown, _title: string, path: string) => void Object.assign(location, { href: origin + path }),
    });
    vi.stubGlobal("sessionStorage", {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
      removeItem: (key: string) => void stored.delete(key),
    });
    const plain = globalThis.fetch;
    vi.stubGlobal("fetch", async (url: string | URL, request: RequestInit = {}) => {
      const response = await plain(url, { ...request, headers: { ...Object.fromEntries(new Headers(request.headers)), origin } });
      if (!["*", origin].includes(response.headers.get("access-control-allow-origin") ?? "")) throw new TypeError(`no CORS: ${url}`);
      return response;
    });
    return { location, stored };
  }

  it("signs in with the user's consent, reads the orders, is refused to approve, refreshes, and signs out", async () => {
    const { spa, api } = examples.addresses;
    const page = await fetch(spa);
    expect(page.headers.get("content-security-policy")).toContain(`script-src 'self'; style-src 'self'; connect-src 'self' `);
    const settings = await (await fetch(`${spa}/settings.json`)).json();
    const { SignIn } = await import(pathToFileURL(join(await examples.modulesOfSpa(), "sign-in.js")).href);
    const { location, stored } = tab(spa);
    const signIn = await SignIn.discover(settings);
    const browser = new WebBrowser();

    await signIn.begin();
    const denied = await examples.decide(browser, await browser.open(location.left), { action: "deny" });
    location.href = denied.url.href;
    await expect(signIn.complete()).rejects.toMatchObject({ code: "access_denied" });
    expect(location.href).toBe(`${spa}/`);

    await signIn.begin();
    const asked = await browser.open(location.left);
    await examples.signIn(browser);
    const consent = await examples.decide(browser, asked, { action: "continue" });
    const { scopes } = await call(browser, `${consent.url.origin}${consent.url.pathname}/details`);
    const shown = scopes.map(({ value }: { value: string }) => value);
    expect(shown).toContain("Orders.Read");
    location.href = (await examples.decide(browser, consent, { action: "allow", scopes: shown })).url.href;
    await signIn.complete();
    expect([location.href, stored.size]).toEqual([`${spa}/`, 0]);
    expect(await signIn.profile()).toMatchObject({ email: "admin@example.com", organization: { name: "Green Harbour" } });

    const callApi = async (method: string, path: string) =>
      fetch(api + path, { method, headers: { authorization: `Bearer ${await signIn.accessToken()}` } });
    expect(((await (await callApi("GET", "/orders")).json()) as { items: object[] }).items).toHaveLength(2);
    const refused = await callApi("POST", "/orders/approve?id=1001");
    expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([403, "key_scope"]);
    const before = await signIn.accessToken();
    await Promise.all([signIn.refresh(), signIn.refresh()]);
    expect(await signIn.accessToken()).not.toBe(before);
    expect(signIn.refreshes).toBe(1);

    const token = await signIn.accessToken();
    signIn.end();
    expect((await browser.open(location.left)).url.href).toBe(`${spa}/`);
    expect((await fetch(`${api}/orders`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
  });
});

it("set-up replaces the secrets when it is run again, and the earlier ones are refused", async () => {
  const { machineKey, ...before } = examples.installation;
  expect((await examples.run("node set-up.js")).code).toBe(0);
  const after = examples.installation;
  expect([after["organizationId"], after["spaClientId"]]).toEqual([before["organizationId"], before["spaClientId"]]);
  const check = { userId: crypto.randomUUID(), actionType: "Orders.Read" };
  const statusOf = async (key: unknown) => {
    const headers = { "content-type": "application/json", "x-api-key": String(key) };
    return (await fetch(`${examples.server.url}/api/v1/iam/authorization/check`, { method: "POST", headers, body: JSON.stringify(check) }))
      .status;
  };
  expect([await statusOf(machineKey), await statusOf(after["machineKey"])]).toEqual([401, 403]);
});
