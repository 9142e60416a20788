import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, connect as openSocket, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Certificate } from "./certificates.ts";
import { KafkaListener, type ListenerRules } from "./kafka-listener.ts";

/** A Kafka cluster of one broker behind a proxy that can cut and freeze connections. */
export interface KafkaUnderTest {
  readonly url: string;
  readonly line: { cut(): Promise<void>; mend(): Promise<void>; hold(): void; release(): void };
  close(): Promise<void>;
}

/**
 * librdkafka's own mock cluster, which `kcat` starts with `test.mock.num.brokers`, and whose address it logs. Undefined if
 * there is no kcat. It implements the protocol in memory.
 */
export async function kafkaMock(): Promise<KafkaUnderTest | undefined> {
  const cluster = await mockCluster();
  return cluster && { ...(await wireToMock(cluster.port)), close: cluster.close };
}

/** The mock alone, on its own port. */
export async function mockCluster(): Promise<{ readonly port: number; close(): Promise<void> } | undefined> {
  const args = ["-P", "-b", "none:1", "-t", "contract-mock", "-X", "test.mock.num.brokers=1", "-d", "mock"];
  const child = spawn("kcat", args, { stdio: ["pipe", "ignore", "pipe"] });
  const port = await portOf(child);
  if (port === undefined) return undefined;
  return { port, close: async () => void child.kill() };
}

async function portOf(child: ChildProcess): Promise<number | undefined> {
  let said = "";
  const found = Promise.withResolvers<number | undefined>();
  child.once("error", () => found.resolve(undefined));
  child.once("exit", () => found.resolve(undefined));
  child.stderr?.on("data", (chunk) => {
    if (said.length < 100_000) said += chunk;
    const port = /bootstrap\.servers=127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    if (port !== undefined) found.resolve(Number(port));
  });
  return found.promise;
}

/**
 * Clients of Kafka connect to the advertised address, so the proxy replaces the mock's port by its own.
 * The mock of librdkafka 2.0 advertises ListOffsets up to version 5, but omits the epoch that version 4
 * added, so the proxy advertises 3.
 *
 * The mock has neither TLS nor SASL. The proxy optionally terminates TLS, and forwards only authenticated clients.
 */
export async function wireToMock(
  port: number,
  { certificate, rules }: { readonly certificate?: Certificate; readonly rules?: ListenerRules } = {},
): Promise<Pick<KafkaUnderTest, "url" | "line"> & { readonly address: string }> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let held = false;
  let own = 0;
  const replaced = (bytes: Buffer): Buffer => {
    replace(bytes, address(port), address(own));
    replace(bytes, Buffer.from([0, 2, 0, 0, 0, 5, 0, 3]), Buffer.from([0, 2, 0, 0, 0, 3, 0, 3]));
    return bytes;
  };
  const serve = (client: Socket): void => {
    const upstream = openSocket({ host: "127.0.0.1", port });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const listener = rules && new KafkaListener(rules);
    client.on("data", (bytes: Buffer) => {
      const admitted = listener?.take(bytes) ?? { forward: [bytes], answers: [], refused: false };
      for (const bytes of admitted.answers) client.write(bytes);
      for (const bytes of admitted.forward) upstream.write(bytes);
      if (admitted.refused) client.end();
    });
    upstream.on("data", (bytes: Buffer) => client.write(replaced(bytes)));
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
      if (held) from.pause();
    }
  };
  const server = certificate === undefined ? createServer(serve) : createTlsServer({ ...certificate }, serve);
  const listen = async (at: number): Promise<void> => {
    server.listen(at, "127.0.0.1");
    await once(server, "listening");
    own = (server.address() as AddressInfo).port;
  };
  const hold = (still: boolean): void => {
    held = still;
    for (const pair of pairs) for (const socket of pair) still ? socket.pause() : socket.resume();
  };
  await listen(0);
  return {
    url: `kafka://127.0.0.1:${own}`,
    address: `127.0.0.1:${own}`,
    line: {
      hold: () => hold(true),
      release: () => hold(false),
      cut: async () => {
        const closed = once(server, "close");
        server.close();
        for (const pair of pairs) for (const socket of pair) socket.destroy();
        await closed;
      },
      mend: () => listen(own),
    },
  };
}

/** The protocol's encoding of the host, a string of nine bytes, and the port in four bytes. */
function address(port: number): Buffer {
  const bytes = Buffer.alloc(15);
  bytes.writeInt16BE(9, 0);
  bytes.write("127.0.0.1", 2, "latin1");
  bytes.writeInt32BE(port, 11);
  return bytes;
}

function replace(bytes: Buffer, wanted: Buffer, by: Buffer): void {
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) by.copy(bytes, at);
}
