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
  summary: "A service account was created.",
  ...aboutServiceAccount,
  data: settings,
});

export const ServiceAccountUpdated = defineEvent({
  type: "service_account.updated.v1",
  summary: "The settings, status or roles of a service account changed.",
  ...aboutServiceAccount,
  data: settings,
});

export const ServiceAccountDeleted = defineEvent({
  type: "service_account.deleted.v1",
  summary: "A service account was deleted. An erased organization's accounts only emit service.status_changed.v1.",
  ...aboutServiceAccount,
  data: Type.Object({ serviceAccountId: Uuid, organizationId: nullable(Uuid) }),
});

export const events = [ServiceAccountCreated, ServiceAccountUpdated, ServiceAccountDeleted];
