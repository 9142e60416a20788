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
/** Adds details to the audit record of this call. A field that is given again replaces the earlier value. */
export type Audit = (details: AuditDetails) => void;

/** What a use case may use of the platform. It has no database, log, cache or broker but through its context. */
export interface Services extends Pick<Platform, "settings" | "clock" | "keys" | "limits" | "metrics" | "logger"> {
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
  /** Reads rows of every tenant. `why` says why one tenant's are not enough. */
  readingEveryTenant<T>(why: string, work: (store: Reads, uses: ReadApis) => Promise<T>): Promise<T>;
}

/** For `tenant`: the tenant is not resolved yet, so what it reads can be any tenant's. */
export interface TenantContext<Reads, State, ReadApis, Failure extends ErrorDefinition>
  extends SharedContext<State, Failure>,
    ReadingEveryTenant<Reads, ReadApis> {}

/** For `prepare`, `ownerOf` and queries from memory: each read is a transaction of its own. */
export interface PrepareContext<Reads, State, ReadApis, Failure extends ErrorDefinition>
  extends TenantContext<Reads, State, ReadApis, Failure> {
  readonly audit: Audit;
  /** Reads what the operation's own transaction may see: rows of the resolved tenant and of the caller. */
  reading<T>(work: (store: Reads, uses: ReadApis) => Promise<T>): Promise<T>;
  /** Reads rows of a tenant that the request names (null: the internal scope), after `run` itself has authorized the caller there. */
  readingTenant<T>(organizationId: string | null, work: (store: Reads, uses: ReadApis) => Promise<T>): Promise<T>;
  /** Whether the caller may use a permission in the organization (null: the internal scope), as the kernel's own check decides. */
  holds(organizationId: string | null, value: string): MaybePromise<boolean>;
  /**
   * Those of `values` that the principal does not hold in the organization (null: the internal scope) within the scopes of its
   * credential, for delegation checks. A permission under a condition counts as missing; session requirements are not applied.
   */
  missingPermissions(organizationId: string | null, values: readonly string[]): Promise<readonly string[]>;
  /** The delegation check: fails with `error` and the missing permissions, at most 20, where {@link missingPermissions} finds any. */
  requireHeld(organizationId: string | null, values: readonly string[], refusal: DelegationRefusal<Failure>): Promise<void>;
}

/** The error of a delegation check, and the field of the request that its details name. */
export interface DelegationRefusal<Failure extends ErrorDefinition> {
  readonly error: Failure;
  readonly field: string;
}

export interface QueryContext<Reads, State, ReadApis, Failure extends ErrorDefinition> extends SharedContext<State, Failure> {
  readonly store: Reads;
  readonly uses: ReadApis;
  /** The limit and the cursor of a list (docs/contract.md, "Answers"). */
  page(input: { readonly limit?: number; readonly cursor?: string }): PageRequest;
}

export interface PageRequest {
  /** Rows to read: one more than the page has, to tell whether there is a next one. */
  readonly fetch: number;
  /** The key of the last item of the page before, or undefined on the first. */
  readonly after: readonly string[] | undefined;
  /** Cuts the rows to a page; `keyOf` gives what the next page continues from. */
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
  /** Says that this was a part of the work, and another follows; of an operation that is declared `inBatches`. */
  more(): void;
  /** Refuses with 412 when the caller's If-Match names another version than `current`. */
  expectVersion(current: number): void;
}

/** What the functions of a module API that read are given. */
export interface ApiContext<StoreSide, State, Apis> {
  readonly store: StoreSide;
  readonly state: State;
  readonly uses: Apis;
  readonly now: Date;
}

export interface WriteApiContext<StoreSide, State, Apis> extends ApiContext<StoreSide, State, Apis> {
  readonly emit: Emit;
  readonly enqueue: Enqueue;
}
