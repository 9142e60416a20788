import { connect, createServer, type Socket } from "node:net";
import { portOf } from "../servers/life.ts";

/** A proxy between a process and a service that counts bytes, without TCP's and IP's headers. */
export interface CountingProxy {
  /** The address for the process. */
  url: string;
  /** Bytes in both directions so far. */
  bytes(): number;
  /** Connections that are open. */
  open(): number;
}

export async function countingProxy(scope: AsyncDisposableStack, target: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let bytes = 0;
  let open = 0;
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), hostname);
    open += 1;
    incoming.once("close", () => {
      open -= 1;
    });
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from.setNoDelay(true));
      from.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      from.once("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      // Closing the connection notifies the other end.
      from.on("error", () => {});
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  scope.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = new URL(target);
  url.hostname = "127.0.0.1";
  url.port = String(portOf(server.address()));
  return { url: url.href, bytes: () => bytes, open: () => open };
}
