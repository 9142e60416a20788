import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Writable } from "node:stream";

export type Kept = { readonly process: number } | { readonly folder: string };

let keeper: Writable | undefined;

/** Has a process or a folder end with this process, however that ends; {@link letGo} says that it is gone already. */
export const keep = (what: Kept): void => say({ keep: what });

export const letGo = (what: Kept): void => say({ letGo: what });

/**
 * Told over a pipe that closes with this process, even where it is killed and can clean up nothing itself. In a group of its own, so
 * that Ctrl-C does not reach it.
 */
function say(word: object): void {
  if (keeper === undefined) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "keeper-process.ts")], {
      stdio: ["pipe", "ignore", "inherit"],
      detached: true,
    });
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    // Without it all goes on; only a suite that is killed then leaves something behind.
    child.stdin.on("error", () => {});
    keeper = child.stdin;
  }
  keeper.write(`${JSON.stringify(word)}\n`);
}
