import { once } from "node:events";
import { type AddressInfo, createServer, connect as openSocket, type Socket } from "node:net";

/** A TCP proxy between a client and a server, which a test can freeze or cut. */
export interface Wire {
  /** The address of `target` with the proxy's host and port. */
  readonly url: string;
  /** Holds all bytes of both directions, as a frozen machine does. */
  hold(): void;
  /** Forwards the held bytes and the following ones. */
  release(): void;
  /** Breaks every connection and refuses new ones, as a stopped server does. */
  cut(): Promise<void>;
  /** Accepts connections again, on the same port. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

export async function wireTo(target: string): Promise<Wire> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let held = false;
  const server = createServer((client) => {
    const upstream = openSocket({ host: hostname, port: Number(port) });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on("data", (bytes) => to.write(bytes));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
      if (held) from.pause();
    }
  });
  const listen = async (at: number): Promise<number> => {
    server.listen(at, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const own = await listen(0);
  const url = new URL(target);
  url.host = `127.0.0.1:${own}`;
  const hold = (still: boolean): void => {
    held = still;
    for (const pair of pairs) for (const socket of pair) still ? socket.pause() : socket.resume();
  };
  const cut = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    await closed;
  };
  return {
    url: url.href,
    hold: () => hold(true),
    release: () => hold(false),
    cut,
    mend: async () => void (await listen(own)),
    close: async () => {
      if (server.listening) await cut();
    },
  };
}
