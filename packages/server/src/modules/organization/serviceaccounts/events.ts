import { defineEvent } from "#operation/declaration/event.ts";
import { Name, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { ServiceAccountStatus } from "./model.ts";

const aboutServiceAccount = { subject: ["service-account", "serviceAccountId"], tenant: "organizationId" } as const;
const settings = Type.Object({
  serviceAccountId: Uuid,
  /** Null in the internal scope. */
  organizationId: nullable(Uuid),
  name: Name,
  status: ServiceAccountStatus,
  roleIds: Type.Array(Uuid),
});

export const ServiceAccountCreated = defineEvent({
  type: "service_account.created.v1",
  says: "A service account was made.",
  ...aboutServiceAccount,
  data: settings,
});

export const ServiceAccountUpdated = defineEvent({
  type: "service_account.updated.v1",
  says: "The settings, the status or the roles of a service account changed.",
  ...aboutServiceAccount,
  data: settings,
});

export const ServiceAccountDeleted = defineEvent({
  type: "service_account.deleted.v1",
  says: "A service account was deleted. Of those of an erased organization only service.status_changed.v1 tells.",
  ...aboutServiceAccount,
  data: Type.Object({ serviceAccountId: Uuid, organizationId: nullable(Uuid) }),
});

export const events = [ServiceAccountCreated, ServiceAccountUpdated, ServiceAccountDeleted];
