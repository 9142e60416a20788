import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import { silent } from "@gatehouse/testing/silent.ts";
import { describe, expect, it } from "vitest";
import { ownMessages } from "../rpc/conformance/own-messages.ts";
import { natsRpc } from "../rpc/nats.ts";
import { natsServer } from "./address.ts";

/** A minimal NATS server for a client's authentication; returns the credentials that it received. */
async function doorkeeper() {
  const shown = Promise.withResolvers<{ user?: string; pass?: string }>();
  const server = createServer((socket) => {
    const port = (server.address() as AddressInfo).port;
    const info = { server_id: "T", version: "2.10.0", host: "127.0.0.1", port, auth_required: true, headers: true, max_payload: 1_048_576 };
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on("error", () => {});
    createInterface({ input: socket }).on("line", (line) => {
      if (line.startsWith("CONNECT ")) shown.resolve(JSON.parse(line.slice("CONNECT ".length)));
      if (line.startsWith("PING")) socket.write("PONG\r\n");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, shown: shown.promise, close: () => server.close() };
}

describe("the address of a NATS server", () => {
  it("authenticates with its credentials", async () => {
    const server = await doorkeeper();
    const rpc = await natsRpc(`nats://gate:s%40cret@${server.host}`, silent, { name: "a test", prefix: "test", ...ownMessages() });
    expect(await server.shown).toMatchObject({ user: "gate", pass: "s@cret" });
    await rpc.close();
    server.close();
  });

  it("sends no credentials if it has none, and requires TLS by its scheme only", () => {
    expect(natsServer("nats://nats.example.com:4222")).toEqual({ servers: "nats.example.com:4222" });
    expect(natsServer("tls://nats.example.com")).toEqual({ servers: "nats.example.com", tls: {} });
  });
});
