import type { Context } from "../../operation/module.ts";
import { setEntitlements } from "./commands/set-entitlements.ts";
import { events } from "./events.ts";
import { entitlements } from "./module.ts";
import { getEntitlements } from "./queries/get-entitlements.ts";
import { steps } from "./schema-steps.ts";

export { entitlements };

export const context: Context = { module: entitlements, operations: [getEntitlements, setEntitlements], events, steps };
