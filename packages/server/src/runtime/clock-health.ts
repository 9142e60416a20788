import { clockSkewMaxMs } from "#platform/database/database-clock.ts";
import type { Platform } from "#platform/platform.ts";
import { type Component, component } from "./probe.ts";

type Skewed = Pick<Platform, "database" | "clockSkewMs">;

/** Whether this machine's clock agrees with the database's closely enough to decide about times. */
export const clockAgrees = ({ clockSkewMs }: Pick<Platform, "clockSkewMs">): boolean => Math.abs(clockSkewMs()) <= clockSkewMaxMs;

/** The clock as a component of a probe; absent with embedded storage, which has no other clock to compare with. */
export const clockOf = (platform: Skewed): { readonly clock?: Component } =>
  platform.database.kind === "pglite" ? {} : { clock: component(clockAgrees(platform), { skewMs: platform.clockSkewMs() }) };
