import type { Limit } from "#platform/limits/limits.ts";
import type { MaybePromise } from "../kernel/maybe-promise.ts";
import type { AuditDeclaration } from "./audit-declaration.ts";
import type { Rule } from "./authorization.ts";
import type { Deprecation } from "./deprecation.ts";
import type { ErrorDefinition } from "./errors.ts";
import type { Static, TObject, TSchema } from "./schema.ts";

/** A limit on calls. What has no principal or credential is counted by the address that it comes from. */
export interface RateLimit extends Limit {
  readonly per: "address" | "principal" | "credential";
}

/** What every operation declares. */
export interface OperationDeclaration<Input extends TObject, Output extends TSchema> {
  /** `METHOD /path/:parameter`. Without one the operation has no HTTP route (the command line's own). */
  readonly http?: string;
  /** One sentence for the API's description. */
  readonly summary: string;
  /** Who may call it. */
  readonly allow: Rule;
  readonly input: Input;
  readonly output: Output;
  /** The status of success; 200, or 204 where the output is Nothing. */
  readonly status?: number;
  /** The error that a non-member of the tenant gets; the same as for an unknown id. */
  readonly absent?: ErrorDefinition;
  readonly limit?: RateLimit;
  /** Hashes a password: it takes a permit of the sign-in bulkhead, not one of those that bound database work. */
  readonly hashes?: true;
  /** The resource has a `version`: If-Match is honoured, and the version of an answered representation becomes the ETag. */
  readonly versioned?: boolean;
  /** Why the operation reads and writes rows of every tenant. Without it, row-level security shows it its tenant's and the caller's own. */
  readonly everyTenant?: string;
  /** The answer is `{ mediaType, fileName, text }` and sent as that document instead of JSON; of a query. */
  readonly document?: true;
  /** The answer carries a session token that a browser keeps as a cookie, or ends the cookie's session. */
  readonly cookie?: "begins" | "ends";
  /** What the operation decided, for the log; of an authorization decision: whether it was allowed, and why. */
  decision?(output: Static<Output>): Readonly<Record<string, unknown>>;
  /**
   * Why the work may be too much for one transaction. `run` then does one part a call, and `context.more()` says that another follows;
   * each part is a transaction of its own, with its events and its audit entry, and the caller gets the last one's answer. A call that is
   * interrupted has done the parts before; the same call again goes on from there.
   */
  readonly inBatches?: string;
  /** The operation will be removed: callers are told on every answer, and calls are counted. */
  readonly deprecated?: Deprecation;
}

/** The functions of a command, which the kernel calls with contexts of its module. */
export interface RunnableCommand<Context, Prepare, Input extends TObject, Output extends TSchema, Prepared> {
  /**
   * Slow or limited work before the transaction: hashing, look-ups, limits. What it returns is handed to `run`,
   * which checks again whatever may have changed.
   */
  prepare?(context: Prepare, input: Static<Input>): Promise<Prepared>;
  /** `done` is the answer of the part before, of an operation that works in parts; undefined in the first. */
  run(context: Context, input: Static<Input>, prepared: Prepared, done?: Static<Output>): Promise<Static<Output>>;
  /**
   * Whether an answer that was kept for its Idempotency-Key may be given to a retry; where not, the command runs again. For an answer
   * that can become invalid, such as a session that has ended. Without it, every kept answer may.
   */
  stillValid?(context: Context, output: Static<Output>): Promise<boolean>;
}

export interface RunnableQuery<Context, Input extends TObject, Output extends TSchema> {
  run(context: Context, input: Static<Input>): MaybePromise<Static<Output>>;
}

/** An operation as the kernel keeps it: the declaration, without the types of its contexts. */
export interface Operation extends OperationDeclaration<TObject, TSchema> {
  /** `tenancy.removeMember`; a later major version of it ends in `.v2`. */
  readonly name: string;
  readonly kind: "command" | "query";
  readonly module: string;
  readonly errors: readonly ErrorDefinition[];
  /** Of every command, and of a query whose reading is audited: `reading` says why. */
  readonly audit?: AuditDeclaration & { readonly reading?: string };
  /** The tenant that a call acts in: an id, null for the internal scope, undefined where there is none. */
  readonly tenantOf: (context: never, input: never) => MaybePromise<string | null | undefined>;
  /** A query that answers from memory: the kernel opens no transaction for it. */
  readonly inMemory: boolean;
  readonly prepare: ((context: never, input: never) => Promise<unknown>) | undefined;
  readonly run: (context: never, input: never, prepared: never, done?: never) => MaybePromise<unknown>;
  readonly stillValid?: ((context: never, output: never) => Promise<boolean>) | undefined;
  /** The user who owns what a call names, for the rule `own`. */
  readonly ownerOf?: ((context: never, input: never) => Promise<string | undefined>) | undefined;
}

/** A declared operation with the types of its input and output, for callers in the same program. */
export interface TypedOperation<Input extends TObject, Output extends TSchema> extends Operation {
  readonly input: Input;
  readonly output: Output;
}
