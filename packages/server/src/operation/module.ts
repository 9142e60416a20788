import type { BackgroundTask } from "#platform/background.ts";
import type { Backlog } from "#platform/backlog.ts";
import type { BrokerConsumer } from "#platform/broker/broker.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import type { SchemaStep } from "#platform/database/migrations.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { SealedPlace } from "#platform/keys/sealed-place.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import type { LogReader } from "#platform/log/retention.ts";
import type { Platform } from "#platform/platform.ts";
import type { AuditDetails } from "./audit.ts";
import type { AuditDeclaration, QueryAuditDeclaration } from "./audit-declaration.ts";
import type { Authenticator } from "./authenticators.ts";
import type { Dispatch } from "./dispatch.ts";
import type { ErrorDefinition, ErrorDetail } from "./errors.ts";
import type { EventDefinition } from "./event.ts";
import type { MaybePromise } from "./maybe-promise.ts";
import type { Operation, OperationDeclaration, RunnableCommand, RunnableQuery } from "./operation.ts";
import type { Origin } from "./origin.ts";
import type { IdentifiedPrincipal, Principal, UserPrincipal } from "./principal.ts";
import type { Static, TObject, TSchema } from "./schema.ts";
import { closed } from "./schema.ts";

/** A module's SQL, in two halves: what a query may use, and what only a command may. */
export interface Store<Reads, Writes> {
  reads(db: ReadHandle): Reads;
  writes(tx: WriteHandle): Writes;
}

/** What the functions that a module offers to others stand on. */
export interface FaceContext<StoreSide, State, Uses> {
  readonly store: StoreSide;
  readonly state: State;
  readonly uses: Uses;
  readonly now: Date;
}

export interface WritingFaceContext<StoreSide, State, Uses> extends FaceContext<StoreSide, State, Uses> {
  readonly emit: Emit;
  readonly enqueue: Enqueue;
}

export type Emit = <Data extends TObject>(event: EventDefinition<Data>, data: Static<Data>) => void;
export type Enqueue = <Payload extends object>(job: JobName<Payload>, payload: Payload) => Promise<void>;
export type Fail<Errors extends readonly ErrorDefinition[]> = (error: Errors[number], ...details: ErrorDetail[]) => never;

interface Shared<State> {
  readonly principal: Principal;
  /** The signed-in user. Refuses an anonymous caller (401), and a service (403). */
  readonly user: UserPrincipal;
  /** The user or service that calls. Refuses an anonymous caller (401). */
  readonly identified: IdentifiedPrincipal;
  readonly origin: Origin;
  readonly now: Date;
  readonly state: State;
  readonly platform: Platform;
}

export interface QueryContext<Reads, State, Uses, Errors extends readonly ErrorDefinition[]> extends Shared<State> {
  readonly store: Reads;
  readonly uses: Uses;
  readonly fail: Fail<Errors>;
  /** The limit and the place to go on from of a list (docs/contract.md, "Answers"). */
  page(input: { readonly limit?: number; readonly cursor?: string }): PageRequest;
}

export interface PageRequest {
  /** Rows to read: one more than the page has, to tell whether there is a next one. */
  readonly fetch: number;
  /** The key of the last item of the page before, or undefined on the first. */
  readonly after: readonly string[] | undefined;
  /** Cuts the rows to a page; `keyOf` gives what the next page goes on from. */
  cut<Row>(
    rows: readonly Row[],
    keyOf: (row: Row) => readonly string[],
  ): { readonly rows: readonly Row[]; readonly nextCursor: string | null };
}

/** Adds details to the audit record of this call. A field that is given again replaces the earlier value. */
export type Audit = (details: AuditDetails) => void;

/** For queries from memory, `prepare` and `tenant`: reads are asked for one by one, over every tenant's rows. */
export interface ReadingContext<Reads, State, ReadFaces, Errors extends readonly ErrorDefinition[]> extends Shared<State> {
  readonly fail: Fail<Errors>;
  readonly audit: Audit;
  reading<T>(work: (store: Reads, uses: ReadFaces) => Promise<T>): Promise<T>;
  /** Whether the caller may use a permission in the organization (null: the internal scope), as the kernel's own check decides. */
  holds(organizationId: string | null, value: string): MaybePromise<boolean>;
  /**
   * Those of `values` that the principal does not hold in the organization (null: the internal scope) within the scopes of its
   * credential, for delegation checks. A right that depends on a condition counts as not held; session requirements are not applied.
   */
  notHeld(organizationId: string | null, values: readonly string[]): Promise<readonly string[]>;
}

export interface CommandContext<Reads, Writes, State, Uses, Errors extends readonly ErrorDefinition[]> extends Shared<State> {
  readonly store: Reads & Writes;
  readonly uses: Uses;
  readonly fail: Fail<Errors>;
  readonly emit: Emit;
  readonly enqueue: Enqueue;
  readonly audit: Audit;
  /** Says that this was a part of the work, and another follows; of an operation that is declared `inParts`. */
  more(): void;
  /** Refuses with 412 when the caller's If-Match names another version than `current`. */
  expectVersion(current: number): void;
}

/** A declared module, whatever its types. */
// biome-ignore lint/suspicious/noExplicitAny: the types are known where the module is declared and used, not where it is carried
export type AnyModule = Module<any, any, any, any, any, any>;

export type ReadFacesOf<Uses extends Record<string, AnyModule>> = {
  readonly [Name in keyof Uses]: Uses[Name] extends Module<infer _R, infer _W, infer _S, infer _U, infer ReadFace, infer _F>
    ? ReadFace
    : never;
};
export type FacesOf<Uses extends Record<string, AnyModule>> = {
  readonly [Name in keyof Uses]: Uses[Name] extends Module<infer _R, infer _W, infer _S, infer _U, infer ReadFace, infer WriteFace>
    ? ReadFace & WriteFace
    : never;
};

export interface ModuleDeclaration<Reads, Writes, State, Uses extends Record<string, AnyModule>, ReadFace, WriteFace> {
  readonly store: Store<Reads, Writes>;
  /** The faces of the modules below that this one uses. */
  readonly uses?: Uses;
  /** What a process keeps in memory for this module, made once at start. */
  readonly state?: (platform: Platform) => State;
  /** Functions that other modules may call; they run in the caller's transaction. */
  readonly reads?: (context: FaceContext<Reads, State, ReadFacesOf<Uses>>) => ReadFace;
  readonly writes?: (context: WritingFaceContext<Reads & Writes, State, FacesOf<Uses>>) => WriteFace;
}

/** Declares a bounded context and ties the types of its operations to its store and to the modules it uses. */
export function module<
  Reads,
  Writes,
  State = undefined,
  // biome-ignore lint/complexity/noBannedTypes: the empty record is what a module that uses none has
  Uses extends Record<string, AnyModule> = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  ReadFace = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  WriteFace = {},
>(name: string, declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadFace, WriteFace>) {
  return new Module<Reads, Writes, State, Uses, ReadFace, WriteFace>(name, declaration);
}

export class Module<Reads, Writes, State, Uses extends Record<string, AnyModule>, ReadFace, WriteFace> {
  readonly name: string;
  readonly declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadFace, WriteFace>;

  constructor(name: string, declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadFace, WriteFace>) {
    this.name = name;
    this.declaration = declaration;
  }

  /** A use case that changes state: one transaction, its events in the outbox (ARCHITECTURE, idea 2). */
  command<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = [], Prepared = undefined>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Reading<Reads, State, Uses, Errors>> & {
      readonly audit: AuditDeclaration;
    } & RunnableCommand<
        CommandContext<Reads, Writes, State, FacesOf<Uses>, Errors>,
        Reading<Reads, State, Uses, Errors>,
        Input,
        Output,
        Prepared
      >,
  ): Operation {
    return this.#operation("command", name, declaration as never);
  }

  /** A use case that only reads. */
  query<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = []>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Reading<Reads, State, Uses, Errors>> &
      AuditedQuery &
      RunnableQuery<QueryContext<Reads, State, ReadFacesOf<Uses>, Errors>, Input, Output>,
  ): Operation {
    return this.#operation("query", name, declaration as never);
  }

  /** A query on the hot path: the kernel opens no transaction; what memory does not know is read with `reading`. */
  memoryQuery<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = []>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Reading<Reads, State, Uses, Errors>> &
      AuditedQuery &
      RunnableQuery<Reading<Reads, State, Uses, Errors>, Input, Output>,
  ): Operation {
    return this.#operation("query", name, declaration as never, true);
  }

  #operation(kind: Operation["kind"], name: string, declaration: Declared, fromMemory = false): Operation {
    const hasOrganization = "organizationId" in (declaration.input as TObject).properties;
    const byField = (_context: never, input: { organizationId?: string | null }) =>
      hasOrganization ? (input.organizationId ?? null) : undefined;
    return {
      ...declaration,
      name: declaration.releasedAs ?? `${this.name}.${name}`,
      kind,
      module: this.name,
      input: closed(declaration.input),
      output: closed(declaration.output),
      errors: declaration.errors ?? [],
      tenantOf: (declaration.tenant ?? byField) as Operation["tenantOf"],
      fromMemory,
      prepare: declaration.prepare,
    };
  }
}

type Reading<Reads, State, Uses extends Record<string, AnyModule>, Errors extends readonly ErrorDefinition[]> = ReadingContext<
  Reads,
  State,
  ReadFacesOf<Uses>,
  Errors
>;

/** What every operation of a module declares beside how it runs. */
type Declaration<Input extends TObject, Output extends TSchema, Errors extends readonly ErrorDefinition[], Context> = OperationDeclaration<
  Input,
  Output
> & {
  readonly errors?: Errors;
  /** The full name that clients know the operation by, where it was released by another module than the one that has it now. */
  readonly releasedAs?: string;
  /** The tenant that the call acts in, where the input has no `organizationId` that says it. */
  tenant?(context: Context, input: Static<Input>): MaybePromise<string | null | undefined>;
  /** The user whom the thing that the call names belongs to; of an operation whose rule says `own`. */
  ownerOf?(context: Context, input: Static<Input>): Promise<string | undefined>;
};

/** Of a query whose answer is sensitive: each call is recorded in the audit log. */
interface AuditedQuery {
  readonly audit?: QueryAuditDeclaration;
}

interface Declared extends OperationDeclaration<TObject, TSchema> {
  readonly audit?: AuditDeclaration;
  readonly releasedAs?: string;
  readonly errors?: readonly ErrorDefinition[];
  readonly tenant?: Operation["tenantOf"];
  readonly prepare?: Operation["prepare"];
  readonly ownerOf?: Operation["ownerOf"];
  readonly run: Operation["run"];
}

/** A figure about what a module keeps, counted over every tenant. */
export interface TableGauge {
  readonly name: string;
  readonly help: string;
  /** The one label that its values differ in. */
  readonly label?: string;
  read(db: ReadHandle): Promise<readonly { readonly label?: string; readonly value: number }[]>;
}

/** What a module's parts that live as long as the process are made from. */
export interface ModuleProcess {
  readonly platform: Platform;
  // biome-ignore lint/suspicious/noExplicitAny: the type of its state is known to the module, which makes it
  readonly state: any;
  /** Binds the reading APIs of the modules that this one uses to a transaction. */
  // biome-ignore lint/suspicious/noExplicitAny: the APIs' types are known to the module, which declares what it uses
  readonly uses: (db: ReadHandle) => any;
}

/** What a module's index.ts hands to the runtime. */
export interface Context {
  readonly module: AnyModule;
  readonly operations: readonly Operation[];
  readonly events: readonly EventDefinition[];
  /** Errors that are returned outside of operations' declarations; usually none. */
  readonly steps: readonly SchemaStep[];
  /** Rights on its tables that the application's role does not have, by table. */
  readonly withheld?: Readonly<Record<string, string>>;
  /** `faces` binds the reading faces of the modules that this one uses to a transaction. */
  // biome-ignore lint/suspicious/noExplicitAny: the faces' types are known to the module, which declares what it uses
  readonly consumers?: (platform: Platform, faces: (tx: WriteHandle) => any) => readonly Consumer[];
  /** What it takes from programs outside, by way of the broker. */
  readonly brokerConsumers?: (platform: Platform, dispatch: Dispatch) => readonly BrokerConsumer[];
  /** What the worker does continuously. `operations` are those of every module, by name. */
  readonly background?: (platform: Platform, operations: ReadonlyMap<string, Operation>) => readonly BackgroundTask[];
  /** What waits for its continuous work, so that a probe and an alert tell when that stands still. */
  readonly backlogs?: readonly Backlog[];
  /** Figures that are counted in the tables when somebody asks for the metrics. */
  readonly gauges?: readonly TableGauge[];
  /** Who of it reads the log by position, or needs events of it, beside its consumers. */
  readonly logReaders?: readonly LogReader[];
  /** Where its sealed values lie; a test fails on one that is missing here. */
  readonly sealed?: readonly SealedPlace[];
  /** Commands without input that are called each time the product starts. */
  readonly atStart?: readonly Operation[];
  /** Which credentials it issues, and how a call that carries one is authenticated. */
  readonly authenticators?: (process: ModuleProcess) => readonly Authenticator[];
  /** The queues of its jobs: made in every process, so that any may enqueue. */
  // biome-ignore lint/suspicious/noExplicitAny: each job has its own payload
  readonly queues?: readonly JobName<any>[];
  // biome-ignore lint/suspicious/noExplicitAny: each job has its own payload
  readonly jobs?: (platform: Platform, dispatch: Dispatch) => readonly Job<any>[];
}
