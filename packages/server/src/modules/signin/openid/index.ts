import type { ModuleManifest } from "#operation/declaration/module.ts";
import { events } from "./events.ts";
import { openid } from "./module.ts";
import { steps } from "./schema-steps.ts";

export { openid };

export const manifest: ModuleManifest = {
  module: openid,
  operations: [],
  events,
  steps,
};
