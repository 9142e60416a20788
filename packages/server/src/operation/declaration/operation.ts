import type { Limit } from "#platform/limits/limits.ts";
import type { MaybePromise } from "../kernel/maybe-promise.ts";
import type { AuditDeclaration } from "./audit-declaration.ts";
import type { Rule } from "./authorization.ts";
import type { Deprecation } from "./deprecation.ts";
import type { ErrorDefinition } from "./errors.ts";
import type { Static, TObject, TSchema } from "./schema.ts";

/** A rate limit. Calls without a principal or credential are counted by their address. */
export interface RateLimit extends Limit {
  readonly per: "address" | "principal" | "credential";
}

/** What every operation declares. */
export interface OperationDeclaration<Input extends TObject, Output extends TSchema> {
  /** `METHOD /path/:parameter`. An operation without it has no HTTP route: the command line or the worker calls it. */
  readonly http?: string;
  /** One sentence for the API's description. */
  readonly summary: string;
  /** Who may call it. */
  readonly allow: Rule;
  readonly input: Input;
  readonly output: Output;
  /** The status of a success. Default: 200, or 204 where the output is Nothing. */
  readonly status?: number;
  /** The error for a non-member of the tenant: the same as for an unknown id. */
  readonly absent?: ErrorDefinition;
  readonly limit?: RateLimit;
  /** Hashes a password: it takes a permit of the sign-in bulkhead, not of the one that limits database work. */
  readonly hashes?: true;
  /** The resource has a `version`: If-Match is honoured, and the version of the answer becomes the ETag. */
  readonly versioned?: boolean;
  /** Why the operation accesses rows of every tenant. Without it, row-level security limits it to its tenant's and the caller's own. */
  readonly everyTenant?: string;
  /** The answer is `{ mediaType, fileName, text }` and is sent as a file instead of JSON. Only for a query. */
  readonly document?: true;
  /** The answer is public and the same for every caller: caches may keep it for this long. Only for a query. */
  readonly publicCacheSeconds?: number;
  /** The answer has a session token that a browser stores as a cookie, or ends the cookie's session. */
  readonly cookie?: "begins" | "ends";
  /** The decision of the operation, for the log: whether a request was allowed, and why. */
  decision?(output: Static<Output>): Readonly<Record<string, unknown>>;
  /**
   * Why the work may be too much for one transaction. `run` then does one batch per call, and `context.more()` requests another. Each
   * batch is a transaction of its own, with its events and its audit entry. The caller gets the answer of the last batch. An interrupted
   * call leaves the earlier batches committed; a repeated call continues after them.
   */
  readonly inBatches?: string;
  /** The operation will be removed: every answer announces it, and calls are counted. */
  readonly deprecated?: Deprecation;
}

/** The functions of a command. The kernel calls them with contexts of its module. */
export interface RunnableCommand<Context, Prepare, Input extends TObject, Output extends TSchema, Prepared> {
  /**
   * Slow or limited work before the transaction: hashing, look-ups, limits. `run` receives the result, and must check again what may
   * have changed.
   */
  prepare?(context: Prepare, input: Static<Input>): Promise<Prepared>;
  /** `done` is the answer of the previous batch of an operation that is declared `inBatches`; undefined in the first. */
  run(context: Context, input: Static<Input>, prepared: Prepared, done?: Static<Output>): Promise<Static<Output>>;
  /**
   * Whether the answer stored for an Idempotency-Key may be returned to a retry; otherwise the command runs again. For an answer that
   * can become invalid, such as a session that has ended. Without it, every stored answer is returned.
   */
  stillValid?(context: Context, output: Static<Output>): Promise<boolean>;
}

export interface RunnableQuery<Context, Input extends TObject, Output extends TSchema> {
  run(context: Context, input: Static<Input>): MaybePromise<Static<Output>>;
}

/** An operation as the kernel sees it: the declaration, without the types of its contexts. */
export interface Operation extends OperationDeclaration<TObject, TSchema> {
  /** `tenancy.removeMember`. The name of a later major version ends in `.v2`. */
  readonly name: string;
  readonly kind: "command" | "query";
  readonly module: string;
  readonly errors: readonly ErrorDefinition[];
  /** Present for every command, and for an audited query: `reading` says why. */
  readonly audit?: AuditDeclaration & { readonly reading?: string };
  /** The tenant of a call: an id, null for the internal scope, undefined where there is none. */
  readonly tenantOf: (context: never, input: never) => MaybePromise<string | null | undefined>;
  /** An in-memory query: the kernel opens no transaction for it. */
  readonly inMemory: boolean;
  readonly prepare: ((context: never, input: never) => Promise<unknown>) | undefined;
  readonly run: (context: never, input: never, prepared: never, done?: never) => MaybePromise<unknown>;
  readonly stillValid?: ((context: never, output: never) => Promise<boolean>) | undefined;
  /** The owner of the resource, for the rule `own`. */
  readonly ownerOf?: ((context: never, input: never) => Promise<string | undefined>) | undefined;
}

/** An operation with the types of its input and output, for callers in the same program. */
export interface TypedOperation<Input extends TObject, Output extends TSchema> extends Operation {
  readonly input: Input;
  readonly output: Output;
}
