import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, start } from "@gatehouse/testing/child.ts";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { eventually } from "@gatehouse/testing/until.ts";
import type { Page, WebBrowser } from "@gatehouse/testing/web-browser.ts";
import { type Run, type RunningServer, root, run, startServer } from "./process.ts";

export const folder = join(root, "examples/sign-in");
const administrator = { email: "admin@example.com", password: "a quiet green harbour" };

/** On a busy machine. */
const printedWithinMs = 30_000;

/** A server as `npm start` starts it, and the examples beside it, on free ports. */
export class Examples {
  readonly server: RunningServer;
  readonly addresses: Readonly<Record<"api" | "spa" | "web", string>>;
  readonly #files: string;
  readonly #children: Child[] = [];

  private constructor(server: RunningServer, addresses: Examples["addresses"], files: string) {
    this.server = server;
    this.addresses = addresses;
    this.#files = files;
  }

  static async start(): Promise<Examples> {
    const files = mkdtempSync(join(tmpdir(), "gatehouse-examples-"));
    const { email, password } = administrator;
    const server = await startServer("memory", { GATEHOUSE_ADMIN_EMAIL: email, GATEHOUSE_ADMIN_PASSWORD: password });
    const [api, spa, web] = [await freePort(), await freePort(), await freePort()];
    const addresses = { api: `http://127.0.0.1:${api}`, spa: `http://localhost:${spa}`, web: `http://localhost:${web}` };
    return new Examples(server, addresses, files);
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      child.signal("SIGTERM");
      await child.ended;
    }
    await this.server.end("SIGTERM");
    rmSync(this.#files, { recursive: true, force: true });
  }

  /** Runs a command of the README until it ends. */
  run(command: string): Promise<Run> {
    const [program = "", ...args] = command.split(" ");
    return run(program, [join(folder, args[0] as string), ...args.slice(1)], this.#environment);
  }

  /** Starts a command of the README, and waits until it has printed `text`. */
  async begin(command: string, text: string): Promise<Child> {
    const [, script = "", ...args] = command.split(" ");
    const child = start(process.execPath, [join(folder, script), ...args], { env: { ...process.env, ...this.#environment } });
    this.#children.push(child);
    const hasPrinted = () => {
      if (!child.output().includes(text)) throw new Error(`${command}: ${child.output()}`);
    };
    await eventually(hasPrinted, { withinMs: printedWithinMs, unless: () => !child.running });
    return child;
  }

  get installation(): Readonly<Record<string, unknown>> {
    return JSON.parse(readFileSync(this.#environment["INSTALLATION"] as string, "utf8"));
  }

  get #environment(): Readonly<Record<string, string>> {
    return {
      GATEHOUSE_URL: this.server.url,
      GATEHOUSE_ADMIN_EMAIL: administrator.email,
      GATEHOUSE_ADMIN_PASSWORD: administrator.password,
      API_URL: this.addresses.api,
      SPA_URL: this.addresses.spa,
      WEB_URL: this.addresses.web,
      INSTALLATION: join(this.#files, "installation.json"),
      ORDERS_TOKENS: join(this.#files, "tokens.json"),
    };
  }

  /** Does what the page of an interaction does: signs the administrator in, and submits the decision. */
  async decide(browser: WebBrowser, { url }: Page, decision: object): Promise<Page> {
    const { redirectTo } = await call(browser, url.origin + url.pathname, decision);
    return browser.open(new URL(redirectTo, url));
  }

  signIn(browser: WebBrowser): Promise<unknown> {
    return call(browser, `${this.server.url}/api/v1/iam/auth/login`, administrator);
  }

  /** The modules of the single-page application, as its server sends them, in a folder from which Node can import them. */
  async modulesOfSpa(): Promise<string> {
    const target = join(this.#files, "spa");
    mkdirSync(target);
    for (const name of ["sign-in.js", "oauth4webapi.js"]) {
      const source = await (await fetch(`${this.addresses.spa}/${name}`)).text();
      const importable = source.replace('"/oauth4webapi.js"', '"./oauth4webapi.js"').replace(/^\/\/# sourceMappingURL=.*$/m, "");
      writeFileSync(join(target, name), importable);
    }
    writeFileSync(join(target, "package.json"), '{ "type": "module" }');
    return target;
  }
}

/** Calls the server of a page as its script does. Throws where the server refuses. */
// biome-ignore lint/suspicious/noExplicitAny: an answer has the form that the test asserts
export async function call(browser: WebBrowser, address: string, body?: object): Promise<any> {
  const answer = body === undefined ? await browser.open(address) : await browser.post(address, body);
  if (answer.status >= 400) throw new Error(`${address}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return typeof answer.body === "string" ? JSON.parse(answer.body) : answer.body;
}

/** What the README shows as the output of a command. */
export function promised(command: string): string {
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const found = readme.split(`\`\`\`sh\n${command}\n\`\`\`\n\n\`\`\`text\n`)[1]?.split("```", 1)[0];
  if (found === undefined) throw new Error(`the README does not show what ${command} prints`);
  return found;
}
