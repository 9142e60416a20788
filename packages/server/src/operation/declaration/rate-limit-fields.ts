import type { Limit, LimitState } from "#platform/limits/limits.ts";

/** The values of the header fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11). */
export interface RateLimitFields {
  readonly policy: string;
  readonly state: string;
}

/** A limit against which a call was counted. The name of its policy has only letters and `-`. */
export interface CountedLimit {
  readonly name: string;
  readonly limit: Limit;
  readonly state: LimitState;
}

export const rateLimitFields = (counted: readonly CountedLimit[]): RateLimitFields => ({
  policy: counted.map(({ name, limit: { points, seconds } }) => `"${name}";q=${points};w=${seconds}`).join(", "),
  state: counted.map(({ name, state: { remaining, resetSeconds } }) => `"${name}";r=${remaining};t=${resetSeconds}`).join(", "),
});
