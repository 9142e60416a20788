import { createServer } from "node:net";

/** Below those that the system gives to connections going out, which would take one between two starts of a server. */
const portsFrom = 12_000;
const portsTo = 32_000;

/** The first of `count` ports of loopback that were free a moment ago and follow each other. */
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
