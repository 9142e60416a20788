import type { Platform } from "#platform/platform.ts";
import type { Services } from "../declaration/context.ts";

/** The platform services of use cases. Getters, so that a replaced port takes effect here as well. */
export const servicesOf = (platform: Platform, operations: Services["operations"]): Services => ({
  operations,
  get settings() {
    return platform.settings;
  },
  get clock() {
    return platform.clock;
  },
  get keys() {
    return platform.keys;
  },
  get limits() {
    return platform.limits;
  },
  get metrics() {
    return platform.metrics;
  },
  get logger() {
    return platform.logger;
  },
  get revision() {
    return platform.log.revision;
  },
});
