import { type Static, Type } from "#operation/declaration/schema.ts";

/** Upper bounds of the latency histogram, in milliseconds; a slower call is counted only in `calls`. */
export const latencyBounds = [5, 25, 100, 500, 2_500] as const;

/** Calls of a key in one day, of one operation, with one status. */
export interface Usage {
  readonly keyId: string;
  /** `2026-11-28`, in UTC. */
  readonly day: string;
  readonly operation: string;
  /** The HTTP status of the answer. */
  readonly status: number;
  calls: number;
  latencyMsSum: number;
  latencyMsMax: number;
  /** Calls by {@link latencyBounds}, cumulative. */
  readonly latency: number[];
}

export const UsageItem = Type.Object({
  day: Type.String({ description: "The day in UTC, `2026-11-28`." }),
  operation: Type.String(),
  status: Type.Integer(),
  calls: Type.Integer(),
  latency: Type.Object({
    meanMs: Type.Number(),
    maxMs: Type.Integer(),
    histogram: Type.Array(Type.Object({ upToMs: Type.Integer(), calls: Type.Integer() }), {
      description: "Calls that took at most `upToMs`, cumulative.",
    }),
  }),
});
export type UsageItem = Static<typeof UsageItem>;
