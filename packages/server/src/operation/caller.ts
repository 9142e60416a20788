/** Someone with a session. */
export interface UserCaller {
  readonly kind: "user";
  readonly userId: string;
  readonly sessionId: string;
  /** The organization that the session is for; null for one that was begun without (internal scope, S3 §8). */
  readonly organizationId: string | null;
  /** When the session was begun, in milliseconds since 1970, and how (RFC 8176). */
  readonly authenticatedAt: number;
  readonly methods: readonly string[];
}

/** Who calls. `operator` has the machine itself (the command line); `system` is the product's own background work. */
export type Caller = { readonly kind: "anonymous" } | UserCaller | { readonly kind: "operator" } | { readonly kind: "system" };

export const anonymous: Caller = { kind: "anonymous" };
export const operator: Caller = { kind: "operator" };
export const system: Caller = { kind: "system" };

/** What the door knows of a request beside its input. All of it comes from the other side, so none of it is trusted. */
export interface Origin {
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly traceId: string;
}
