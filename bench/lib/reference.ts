import { type Child, startNode } from "./child.ts";
import { serverFile } from "./paths.ts";

export interface Reference {
  url: string;
  child: Child;
}

const readyTimeoutMs = 30_000;

/** Starts a reference server; it prints `ready <port>` when it listens. */
export async function startReference(scope: AsyncDisposableStack, file: string, env: Record<string, string>): Promise<Reference> {
  // As in production; some libraries run more checks otherwise.
  const child = startNode(scope, { name: file, args: [serverFile(file)], env: { NODE_ENV: "production", ...env } });
  const port = await child.line("ready", readyTimeoutMs);
  return { url: `http://127.0.0.1:${port}`, child };
}
