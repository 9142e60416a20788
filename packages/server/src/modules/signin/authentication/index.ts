import type { ModuleManifest } from "#operation/module.ts";
import { login } from "./commands/login.ts";
import { authentication } from "./module.ts";
import { steps } from "./schema-steps.ts";

export { authentication };

export const manifest: ModuleManifest = { module: authentication, operations: [login], events: [], steps };
