import { clockSkewMaxMs } from "#platform/database/database-clock.ts";
import type { Platform } from "#platform/platform.ts";
import { type Component, component } from "./probe.ts";

type Skewed = Pick<Platform, "database" | "clockSkewMs">;

/** Whether this machine's clock is near enough to the database's for the process to be trusted with times. */
export const clockAgrees = ({ clockSkewMs }: Pick<Platform, "clockSkewMs">): boolean => Math.abs(clockSkewMs()) <= clockSkewMaxMs;

/** The clock as a component of a probe; embedded storage has no other clock to compare with. */
export const clockOf = (platform: Skewed): { readonly clock?: Component } =>
  platform.database.kind === "pglite" ? {} : { clock: component(clockAgrees(platform), { skewMs: platform.clockSkewMs() }) };
