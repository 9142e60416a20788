import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { encryptedMessages } from "#platform/rpc/encrypted-messages.ts";
import { readConfiguration } from "./configuration.ts";
import { transportKeys, writeTransportKeyFile } from "./transport-keys.ts";

const masterKey = () => randomBytes(32).toString("base64");
const [before, now] = [masterKey(), masterKey()];
const configured = (environment: Readonly<Record<string, string>>) =>
  readConfiguration({ NATS_URL: "nats://nats.example.com:4222", DATABASE_URL: "postgres://a@b/c", ...environment });
const role = (key: string, old = "") => configured({ GATEHOUSE_ROLE: "query", GATEHOUSE_MASTER_KEY: key, GATEHOUSE_MASTER_KEYS_OLD: old });
const printed = (key: string) => transportKeys(role(key))[0]?.key.toString("base64") as string;
const gateway = (key: string, old = "") =>
  configured({ GATEHOUSE_ROLE: "gateway", GATEHOUSE_TRANSPORT_KEY: key, GATEHOUSE_TRANSPORT_KEYS_OLD: old });

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "gatehouse-home-"));
  vi.stubEnv("HOME", home);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

it("a gateway with the transport key and a role with the master key understand each other in each step of a rotation", () => {
  const steps = [
    [role(before), role(before, now), gateway(printed(before)), gateway(printed(before), printed(now))],
    [role(before, now), role(now, before), gateway(printed(before), printed(now)), gateway(printed(now), printed(before))],
    [role(now, before), role(now), gateway(printed(now), printed(before)), gateway(printed(now))],
  ];
  for (const processes of steps) {
    for (const calling of processes) {
      for (const answering of processes) {
        const [caller, server] = [encryptedMessages(transportKeys(calling)), encryptedMessages(transportKeys(answering))];
        const request = server.decrypt("request", "about", caller.encrypt("request", "about", Buffer.from("a call")));
        if (typeof request === "string") throw new Error(request);
        const answer = caller.decrypt("reply", "about", server.encrypt("reply", "about", Buffer.from("an answer"), request.key));
        expect(answer).toMatchObject({ body: Buffer.from("an answer") });
      }
    }
  }
  expect(printed(now)).not.toBe(now);
});

it("a gateway without a key is refused, unless a process of its user has written one on this machine for this NATS and prefix", () => {
  const here = { NATS_URL: "nats://127.0.0.1:4222" };
  const ofGateway = configured({ GATEHOUSE_ROLE: "gateway", ...here });
  expect(() => transportKeys(configured({ GATEHOUSE_ROLE: "gateway" }))).toThrow("GATEHOUSE_TRANSPORT_KEY is not set");
  expect(() => transportKeys(ofGateway)).toThrow("GATEHOUSE_TRANSPORT_KEY is not set");
  const query = configured({ GATEHOUSE_ROLE: "query", GATEHOUSE_MASTER_KEY: now, ...here });
  writeTransportKeyFile(query);
  writeTransportKeyFile(role(before));
  const folder = join(home, ".gatehouse", "transport");
  const [file] = readdirSync(folder) as [string];
  expect(readdirSync(folder)).toHaveLength(1);
  expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  expect(transportKeys(ofGateway)).toEqual(transportKeys(query));
  expect(() => transportKeys(configured({ GATEHOUSE_ROLE: "gateway", NATS_PREFIX: "other", ...here }))).toThrow("is not set");
  chmodSync(join(folder, file), 0o644);
  expect(() => transportKeys(ofGateway)).toThrow("is not this user's alone");
});
