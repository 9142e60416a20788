import { createServer } from "node:net";

/** Below the ephemeral range: an outgoing connection could take such a port between two starts of a server. */
const portsFrom = 12_000;
const portsTo = 32_000;

/** The first of `count` consecutive free ports of loopback. */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const first = portsFrom + Math.floor(Math.random() * (portsTo - portsFrom - count));
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (free.every(Boolean)) return first;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
