import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Writable } from "node:stream";

export type Owned = { readonly process: number } | { readonly folder: string };

let reaper: Writable | undefined;

/** Ends a process, or removes a folder, when this process ends, however that happens; {@link spare} says that it is gone already. */
export const reapAtEnd = (what: Owned): void => say({ reap: what });

export const spare = (what: Owned): void => say({ spare: what });

/**
 * Told over a pipe that closes with this process, even where it is killed and can clean up nothing itself. In a group of its own, so
 * that Ctrl-C does not reach it.
 */
function say(word: object): void {
  if (reaper === undefined) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "reaper-process.ts")], {
      stdio: ["pipe", "ignore", "inherit"],
      detached: true,
    });
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    // Without it all goes on; only a suite that is killed then leaves something behind.
    child.stdin.on("error", () => {});
    reaper = child.stdin;
  }
  reaper.write(`${JSON.stringify(word)}\n`);
}
