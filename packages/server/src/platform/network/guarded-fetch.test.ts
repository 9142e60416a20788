import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { ofSuite } from "@gatehouse/testing/suite.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { AddressRefusedError, guardedFetch, ResponseTooLargeError } from "./guarded-fetch.ts";

const folder = process.env["GATEHOUSE_VECTORS"] ?? join(import.meta.dirname, "../../../../../../shared/vectors");
const file = join(folder, "ssrf/blocked-targets.txt");
const targets = existsSync(file)
  ? readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
  : [];

let seen = 0;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const listener = ofSuite(
  async () => {
    const server = createServer((request, response) => {
      seen += 1;
      answer(request, response);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return server;
  },
  async (server: Server) => {
    server.closeAllConnections();
    server.close();
  },
);
const port = (): number => (listener().address() as AddressInfo).port;
const limits = { timeLimitMs: 2_000, bodyBytesMax: 1_000 };
const guarded = guardedFetch({ ...limits, allowLoopback: false });
const local = guardedFetch({ ...limits, allowLoopback: true });
beforeEach(() => {
  seen = 0;
  answer = (_request, response) => void response.end("ok");
});

describe("a request to an address that a tenant gave", () => {
  it.each([
    "https://localhost:PORT/",
    "https://127.0.0.1:PORT/",
    "https://2130706433:PORT/",
    "https://0x7f.1:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::127.0.0.1]:PORT/",
    "https://[::1]:PORT/",
    "https://0:PORT/",
  ])("to %s is refused before it connects", async (url) => {
    await expect(guarded(url.replace("PORT", String(port())))).rejects.toThrow(AddressRefusedError);
    expect(seen).toBe(0);
  });

  it.each([
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "https://user@example.com/",
    "https://example.com:22/",
    "nonsense",
  ])("to %s is refused, because it is not plain HTTPS", (url) => expect(guarded(url)).rejects.toThrow(AddressRefusedError));

  it.skipIf(targets.length === 0).each(targets)("to the known target %s never connects, with HTTP or HTTPS", async (target) => {
    const withPort = (url: string) => url.replace(/^(https?:\/\/[^/:]+|https?:\/\/\[[^\]]*\])\//, `$1:${port()}/`);
    for (const url of [target, target.replace(/^http:/, "https:")].flatMap((one) => [one, withPort(one)])) {
      await expect(guarded(url), url).rejects.toThrow();
    }
    expect(seen).toBe(0);
  });
});

describe("a request that is allowed to reach loopback, for development", () => {
  const url = () => `http://127.0.0.1:${port()}/`;

  it("sends method, headers and body, and returns status, headers and body", async () => {
    answer = async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      response.setHeader("x-echo", [request.method as string, request.headers["x-sent"] as string]);
      response.statusCode = 201;
      response.end(Buffer.concat(chunks));
    };
    const response = await local(url(), { method: "POST", headers: { "x-sent": "yes" }, body: new URLSearchParams({ a: "1 2" }) });
    expect([response.status, response.headers.get("x-echo"), await response.text()]).toEqual([201, "POST, yes", "a=1+2"]);
  });

  it("follows no redirect", async () => {
    answer = (_request, response) => void response.writeHead(302, { location: "/elsewhere" }).end();
    expect((await local(url())).status).toBe(302);
    expect(seen).toBe(1);
  });

  it("ends at the size limit and at the time limit", async () => {
    answer = (_request, response) => void response.end("x".repeat(1_001));
    await expect(local(url())).rejects.toThrow(ResponseTooLargeError);
    answer = () => {};
    await expect(guardedFetch({ ...limits, timeLimitMs: 50, allowLoopback: true })(url())).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("reaches no other private address, and no public one without TLS", async () => {
    for (const other of ["http://10.0.0.1/", "https://10.0.0.1/", "http://169.254.169.254/", "http://192.0.2.1/"])
      await expect(local(other), other).rejects.toThrow(AddressRefusedError);
  });
});
