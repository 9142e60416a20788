import type { JobName } from "#platform/jobs/jobs.ts";
import { retrySchedules } from "#platform/resilience/policies.ts";
import type { EndedSession } from "./logout-token.ts";

export const backchannelLogoutJob: JobName<EndedSession> = { name: "openid.backchannel-logout", retry: retrySchedules.backchannelLogout };
