import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Writable } from "node:stream";

export type Owned = { readonly process: number } | { readonly folder: string };

let reaper: Writable | undefined;

/** Kills a process or deletes a folder when this process ends for any reason. {@link spare} takes it off the list. */
export const reapAtEnd = (what: Owned): void => say({ reap: what });

export const spare = (what: Owned): void => say({ spare: what });

/**
 * Receives the list over a pipe, which closes with this process even if it is killed. In a process group of its own, so that Ctrl-C
 * does not end it.
 */
function say(word: object): void {
  if (reaper === undefined) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "reaper-process.ts")], {
      stdio: ["pipe", "ignore", "inherit"],
      detached: true,
    });
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    // Tests work without it. Only a killed suite then leaves processes behind.
    child.stdin.on("error", () => {});
    reaper = child.stdin;
  }
  reaper.write(`${JSON.stringify(word)}\n`);
}
