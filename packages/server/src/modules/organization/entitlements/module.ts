import { access } from "#modules/authorization/access/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { module } from "#operation/declaration/module.ts";
import { entitlementsStore } from "./store.ts";

/** The plans and entitlements of organizations, as billing reports them. Decisions read the access module's projection of them. */
export const entitlements = module("entitlements", { store: entitlementsStore, uses: { access, tenancy } });
