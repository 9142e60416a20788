import { access } from "#modules/authorization/access/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { module } from "#operation/declaration/module.ts";
import { entitlementsStore } from "./store.ts";

/** What the organizations' plans include, as billing says it. Decisions read the projection that access keeps. */
export const entitlements = module("entitlements", { store: entitlementsStore, uses: { access, tenancy } });
