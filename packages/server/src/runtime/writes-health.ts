import type { Platform } from "#platform/platform.ts";
import { within } from "#platform/waiting.ts";
import { type Component, component } from "./probe.ts";
import type { Role } from "./roles.ts";

/** A probe has its own time limit; see probe.ts. */
const timeoutMs = 2_000;

/** Whether a process with these roles needs a writable database. Queries do not. */
export const needsWrites = (roles: ReadonlySet<Role>): boolean => roles.has("command") || roles.has("worker");

/** DOWN while writes are refused, with the reason: a full disk, a read-only database, a standby. Reads continue. */
export async function writesComponent({ writes }: Pick<Platform, "writes">): Promise<Component> {
  const refusal = await within(timeoutMs, "no answer in time", writes.refusal()).catch((error: Error) => error.message);
  return component(refusal === undefined, refusal === undefined ? { writes: "taken" } : { writes: "refused", reason: refusal });
}
