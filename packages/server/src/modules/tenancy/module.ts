import { module } from "../../operation/module.ts";
import { access } from "../access/index.ts";
import { identity } from "../identity/index.ts";
import { notifications } from "../notifications/index.ts";
import { tenancyStore } from "./store.ts";

/** Organizations, who belongs to them, and how one comes to belong (S3 §6.1, §8.2). */
export const tenancy = module("tenancy", {
  store: tenancyStore,
  uses: { access, identity, notifications },
  reads: ({ store }) => ({
    async isMember(userId: string, organizationId: string): Promise<boolean> {
      return (await store.membershipOf(userId, organizationId)) !== undefined;
    },
    async organizationStatus(organizationId: string) {
      return (await store.organizationById(organizationId))?.status;
    },
  }),
});
