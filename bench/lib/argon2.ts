import { availableParallelism } from "node:os";
import type { Count, Order } from "../servers/argon2.ts";
import { type Child, startNode } from "./child.ts";
import { serverFile } from "./paths.ts";

/** m KiB, t passes, p lanes of argon2id. */
export interface Argon2Parameters {
  memoryKiB: number;
  passes: number;
  lanes: number;
}

/** Numbers of concurrent verifications; the best is used for the reference. */
export const parallelChoices = [availableParallelism(), availableParallelism() * 2, availableParallelism() * 4];

export async function startArgon2(scope: AsyncDisposableStack, parameters: Argon2Parameters): Promise<Child> {
  const child = startNode(scope, {
    name: "argon2",
    args: [serverFile("argon2.ts")],
    env: {
      PARAMETERS: `${parameters.memoryKiB},${parameters.passes},${parameters.lanes}`,
      // The thread pool must not limit the number of concurrent verifications.
      UV_THREADPOOL_SIZE: String(Math.max(4, ...parallelChoices)),
    },
    ipc: true,
  });
  await child.line("ready", 10_000);
  return child;
}

/** Verifications a second. */
export function verifyFor(child: Child, order: Order): Promise<number> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error(`argon2 ended while it was measured; it wrote:\n${child.tail()}`));
    child.process.once("exit", ended);
    child.process.once("message", (count: Count) => {
      child.process.off("exit", ended);
      resolve(count.verified / (count.elapsedMs / 1000));
    });
    child.process.send(order);
  });
}
