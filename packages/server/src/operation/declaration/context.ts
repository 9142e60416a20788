import type { JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import type { AuditDetails } from "../kernel/audit.ts";
import type { MaybePromise } from "../kernel/maybe-promise.ts";
import type { ErrorDefinition, ErrorDetail } from "./errors.ts";
import type { EventDefinition } from "./event.ts";
import type { Origin } from "./origin.ts";
import type { IdentifiedPrincipal, Principal, UserPrincipal } from "./principal.ts";
import type { Static, TObject } from "./schema.ts";

export type Emit = <Data extends TObject>(event: EventDefinition<Data>, data: Static<Data>) => void;
export type Enqueue = <Payload extends object>(job: JobName<Payload>, payload: Payload) => Promise<void>;
export type Fail<Failure extends ErrorDefinition> = (error: Failure, ...details: ErrorDetail[]) => never;
/** Adds details to the audit entry of this call. A field that is passed again replaces the earlier value. */
export type Audit = (details: AuditDetails) => void;

/** The platform services of a use case. It reaches database, log, cache and broker only through its context. */
export interface Services extends Pick<Platform, "settings" | "clock" | "keys" | "limits" | "metrics" | "logger"> {
  /** The names of every operation. */
  readonly operations: Pick<ReadonlyMap<string, unknown>, "has">;
  /** The revision up to which this process has observed the log. */
  readonly revision: string;
}

interface SharedContext<State, Failure extends ErrorDefinition> {
  readonly principal: Principal;
  /** The signed-in user. Refuses an anonymous caller (401), and a service (403). */
  readonly user: UserPrincipal;
  /** The user or service that calls. Refuses an anonymous caller (401). */
  readonly identified: IdentifiedPrincipal;
  readonly origin: Origin;
  readonly now: Date;
  readonly state: State;
  readonly services: Services;
  readonly fail: Fail<Failure>;
}

interface ReadingEveryTenant<Reads, ReadApis> {
  /** Reads rows of every tenant. `why` says why the rows of one tenant are not enough. */
  readingEveryTenant<T>(why: string, work: (store: Reads, uses: ReadApis) => Promise<T>): Promise<T>;
}

/** The context of `tenant`: the tenant is not resolved yet, so a read can return rows of any tenant. */
export interface TenantContext<Reads, State, ReadApis, Failure extends ErrorDefinition>
  extends SharedContext<State, Failure>,
    ReadingEveryTenant<Reads, ReadApis> {}

/** The context of `prepare`, `ownerOf` and in-memory queries: each read is a transaction of its own. */
export interface PrepareContext<Reads, State, ReadApis, Failure extends ErrorDefinition, CachedApis>
  extends TenantContext<Reads, State, ReadApis, Failure> {
  readonly audit: Audit;
  /** What other modules answer from in-process caches. Not to be called within {@link reading}: it reads in a transaction of its own. */
  readonly cached: CachedApis;
  /** Reads the rows that the operation's own transaction may see: those of the resolved tenant and of the caller. */
  reading<T>(work: (store: Reads, uses: ReadApis) => Promise<T>): Promise<T>;
  /** Reads rows of a tenant that the request names (null: the internal scope). `run` must have authorized the caller there. */
  readingTenant<T>(organizationId: string | null, work: (store: Reads, uses: ReadApis) => Promise<T>): Promise<T>;
  /** Whether the caller holds a permission in the organization (null: the internal scope), as the kernel's own check decides. */
  holds(organizationId: string | null, value: string): MaybePromise<boolean>;
  /**
   * Those of `values` that the principal does not hold in the organization (null: the internal scope) within the scopes of its
   * credential, for delegation checks. A permission under a condition counts as missing; session requirements are not applied.
   */
  missingPermissions(organizationId: string | null, values: readonly string[]): Promise<readonly string[]>;
  /** The delegation check: fails with `error` and at most 20 missing permissions, where {@link missingPermissions} finds any. */
  requireHeld(organizationId: string | null, values: readonly string[], refusal: DelegationRefusal<Failure>): Promise<void>;
}

/** The error of a delegation check, and the request field that its details name. */
export interface DelegationRefusal<Failure extends ErrorDefinition> {
  readonly error: Failure;
  readonly field: string;
}

export interface QueryContext<Reads, State, ReadApis, Failure extends ErrorDefinition> extends SharedContext<State, Failure> {
  readonly store: Reads;
  readonly uses: ReadApis;
  /** Resolves the limit and the cursor of a list (docs/contract.md, "Answers"). */
  page(input: { readonly limit?: number; readonly cursor?: string }): PageRequest;
}

export interface PageRequest {
  /** The number of rows to read: one more than the page has, to detect a next page. */
  readonly fetch: number;
  /** The key of the last item of the previous page; undefined on the first. */
  readonly after: readonly string[] | undefined;
  /** Cuts the rows to a page. `keyOf` returns the key that the next page continues from. */
  cut<Row>(
    rows: readonly Row[],
    keyOf: (row: Row) => readonly string[],
  ): { readonly rows: readonly Row[]; readonly nextCursor: string | null };
}

export interface CommandContext<Reads, Writes, State, Apis, Failure extends ErrorDefinition> extends SharedContext<State, Failure> {
  readonly store: Reads & Writes;
  readonly uses: Apis;
  readonly emit: Emit;
  readonly enqueue: Enqueue;
  readonly audit: Audit;
  /**
   * Ends the command with an error, and commits what it has done so far. Only for a misuse whose detection must have effects, such as the
   * replay of a single-use token. No answer is stored for an Idempotency-Key.
   */
  readonly failAfterCommit: Fail<Failure>;
  /** Requests another batch after this one. Only for an operation that is declared `inBatches`. */
  more(): void;
  /** Fails with 412 where the caller's If-Match names another version than `current`. */
  expectVersion(current: number): void;
}

/** The context of the reading functions of a module API. */
export interface ApiContext<StoreSide, State, Apis> {
  readonly store: StoreSide;
  readonly state: State;
  readonly uses: Apis;
  readonly now: Date;
}

/** The context of the functions that answer from in-process caches. */
export interface CachedApiContext<State, Apis> {
  readonly state: State;
  readonly uses: Apis;
}

export interface WriteApiContext<StoreSide, State, Apis> extends ApiContext<StoreSide, State, Apis> {
  readonly emit: Emit;
  readonly enqueue: Enqueue;
}
