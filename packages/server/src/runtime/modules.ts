import { context as access } from "../modules/access/index.ts";
import { context as authentication } from "../modules/authentication/index.ts";
import { context as entitlements } from "../modules/entitlements/index.ts";
import { context as identity } from "../modules/identity/index.ts";
import { context as notifications } from "../modules/notifications/index.ts";
import { context as sessions } from "../modules/sessions/index.ts";
import { context as tenancy } from "../modules/tenancy/index.ts";
import { auditSteps } from "../operation/audit.ts";
import { idempotencySteps } from "../operation/idempotency.ts";
import type { Context } from "../operation/module.ts";
import { busSteps } from "../platform/bus/in-process.ts";
import { createApplicationRole, type SchemaStep } from "../platform/database/migrations.ts";
import { logSteps } from "../platform/log/log.ts";
import { inboxSteps } from "../platform/mail/inbox.ts";

/** Every module, from the ground up: each uses those before it and none after it. */
export const contexts: readonly Context[] = [notifications, identity, access, tenancy, entitlements, sessions, authentication];

const applicationRole: SchemaStep = {
  name: "0000_platform_application_role",
  why: "the role that a bypassing login steps down to, so that row-level security holds for it (ARCHITECTURE, idea 7)",
  up: createApplicationRole,
};

/** The schema's steps in the order of their numbers. */
export const schemaSteps: readonly SchemaStep[] = [
  applicationRole,
  ...logSteps,
  ...busSteps,
  ...inboxSteps,
  ...auditSteps,
  ...idempotencySteps,
  ...contexts.flatMap((context) => context.steps),
].sort((one, other) => (one.name < other.name ? -1 : 1));
