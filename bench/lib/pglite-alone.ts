import { type Child, startNode } from "./child.ts";
import { serverFile } from "./paths.ts";

export interface PgliteAlone {
  child: Child;
  /** From the spawn to its answer to the first query. */
  readyMs: number;
}

export async function startPglite(scope: AsyncDisposableStack, folder: string): Promise<PgliteAlone> {
  const startedAt = performance.now();
  const child = startNode(scope, { name: "pglite", args: [serverFile("pglite.ts")], env: { FOLDER: folder } });
  await child.line("ready", 60_000);
  return { child, readyMs: performance.now() - startedAt };
}
