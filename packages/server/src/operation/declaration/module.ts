import type { BackgroundTask } from "#platform/background.ts";
import type { Backlog } from "#platform/backlog.ts";
import type { BrokerConsumer } from "#platform/broker/broker.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import type { SchemaStep } from "#platform/database/migrations.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { EncryptedField } from "#platform/keys/encrypted-field.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import type { LogReader } from "#platform/log/retention.ts";
import type { Platform } from "#platform/platform.ts";
import type { Authenticator } from "../kernel/authenticators.ts";
import type { InternalDispatch } from "../kernel/internal-dispatch.ts";
import type { MaybePromise } from "../kernel/maybe-promise.ts";
import type { AuditDeclaration, QueryAuditDeclaration } from "./audit-declaration.ts";
import type { ApiContext, CommandContext, PrepareContext, QueryContext, TenantContext, WriteApiContext } from "./context.ts";
import type { ErrorDefinition } from "./errors.ts";
import type { EventDefinition } from "./event.ts";
import type { Operation, OperationDeclaration, RunnableCommand, RunnableQuery, TypedOperation } from "./operation.ts";
import type { Static, TObject, TSchema } from "./schema.ts";
import { closed } from "./schema.ts";

export type * from "./context.ts";

/** A module's SQL, in two halves: what a query may use, and what only a command may. */
export interface Store<Reads, Writes> {
  reads(db: ReadHandle): Reads;
  writes(tx: WriteHandle): Writes;
}

/** A declared module, whatever its types. */
// biome-ignore lint/suspicious/noExplicitAny: the types are known where the module is declared and used, not where it is carried
export type AnyModule = Module<any, any, any, any, any, any>;

export type ReadApisOf<Uses extends Record<string, AnyModule>> = {
  readonly [Name in keyof Uses]: Uses[Name] extends Module<infer _R, infer _W, infer _S, infer _U, infer ReadApi, infer _F>
    ? ReadApi
    : never;
};
export type ApisOf<Uses extends Record<string, AnyModule>> = {
  readonly [Name in keyof Uses]: Uses[Name] extends Module<infer _R, infer _W, infer _S, infer _U, infer ReadApi, infer WriteApi>
    ? ReadApi & WriteApi
    : never;
};

export interface ModuleDeclaration<Reads, Writes, State, Uses extends Record<string, AnyModule>, ReadApi, WriteApi> {
  readonly store: Store<Reads, Writes>;
  /** The modules below whose APIs this one uses. */
  readonly uses?: Uses;
  /** What a process keeps in memory for this module, made once at start. The only place where a use case gets further ports from. */
  readonly state?: (platform: Platform) => State;
  /** Functions that other modules may call; they run in the caller's transaction. */
  readonly readApi?: (context: ApiContext<Reads, State, ReadApisOf<Uses>>) => ReadApi;
  readonly writeApi?: (context: WriteApiContext<Reads & Writes, State, ApisOf<Uses>>) => WriteApi;
}

/** Declares a bounded context and ties the types of its operations to its store and to the modules it uses. */
export function module<
  Reads,
  Writes,
  State = undefined,
  // biome-ignore lint/complexity/noBannedTypes: the empty record is what a module that uses none has
  Uses extends Record<string, AnyModule> = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  ReadApi = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  WriteApi = {},
>(name: string, declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadApi, WriteApi>) {
  return new Module<Reads, Writes, State, Uses, ReadApi, WriteApi>(name, declaration);
}

export class Module<Reads, Writes, State, Uses extends Record<string, AnyModule>, ReadApi, WriteApi> {
  readonly name: string;
  readonly declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadApi, WriteApi>;

  constructor(name: string, declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadApi, WriteApi>) {
    this.name = name;
    this.declaration = declaration;
  }

  /** A use case that changes state: one transaction with its events, audit entry and idempotent answer. */
  command<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = [], Prepared = undefined>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Resolving<Reads, State, Uses, Errors>, Preparing<Reads, State, Uses, Errors>> &
      CommandAudit &
      RunnableCommand<
        CommandContext<Reads, Writes, State, ApisOf<Uses>, Errors[number]>,
        Preparing<Reads, State, Uses, Errors>,
        Input,
        Output,
        Prepared
      >,
  ): TypedOperation<Input, Output> {
    return this.#operation("command", name, declaration);
  }

  /** A use case that only reads. */
  query<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = []>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Resolving<Reads, State, Uses, Errors>, Preparing<Reads, State, Uses, Errors>> &
      AuditedQuery &
      RunnableQuery<QueryContext<Reads, State, ReadApisOf<Uses>, Errors[number]>, Input, Output>,
  ): TypedOperation<Input, Output> {
    return this.#operation("query", name, declaration);
  }

  /** A query on the hot path: the kernel opens no transaction; what is not in memory is read with `reading`. */
  inMemoryQuery<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = []>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Resolving<Reads, State, Uses, Errors>, Preparing<Reads, State, Uses, Errors>> &
      AuditedQuery &
      RunnableQuery<Preparing<Reads, State, Uses, Errors>, Input, Output>,
  ): TypedOperation<Input, Output> {
    return this.#operation("query", name, declaration, true);
  }

  #operation<Input extends TObject, Output extends TSchema>(
    kind: Operation["kind"],
    name: string,
    declaration: Declared<Input, Output>,
    inMemory = false,
  ): TypedOperation<Input, Output> {
    const hasOrganization = "organizationId" in declaration.input.properties;
    const byField = (_context: never, input: { organizationId?: string | null }) =>
      hasOrganization ? (input.organizationId ?? null) : undefined;
    return {
      ...declaration,
      name: `${this.name}.${name}`,
      kind,
      module: this.name,
      input: closed(declaration.input),
      output: closed(declaration.output),
      errors: declaration.errors ?? [],
      tenantOf: (declaration.tenant ?? byField) as Operation["tenantOf"],
      inMemory,
      prepare: declaration.prepare,
    };
  }
}

type Resolving<Reads, State, Uses extends Record<string, AnyModule>, Errors extends readonly ErrorDefinition[]> = TenantContext<
  Reads,
  State,
  ReadApisOf<Uses>,
  Errors[number]
>;
type Preparing<Reads, State, Uses extends Record<string, AnyModule>, Errors extends readonly ErrorDefinition[]> = PrepareContext<
  Reads,
  State,
  ReadApisOf<Uses>,
  Errors[number]
>;

/** What every operation of a module declares beside how it runs. */
type Declaration<
  Input extends TObject,
  Output extends TSchema,
  Errors extends readonly ErrorDefinition[],
  Resolving,
  Preparing,
> = OperationDeclaration<Input, Output> & {
  readonly errors?: Errors;
  /** The tenant that the call acts in, where the input has no `organizationId` that says it. */
  tenant?(context: Resolving, input: Static<Input>): MaybePromise<string | null | undefined>;
  /** The user who owns what the call names; of an operation whose rule says `own`. */
  ownerOf?(context: Preparing, input: Static<Input>): Promise<string | undefined>;
};

/** How the audit log names what a command does. */
interface CommandAudit {
  readonly audit: AuditDeclaration;
}

/** Of a query whose answer is sensitive: each call is recorded in the audit log. */
interface AuditedQuery {
  readonly audit?: QueryAuditDeclaration;
}

/** A declaration without the types of its contexts, which the kernel does not know. */
interface Declared<Input extends TObject, Output extends TSchema> extends OperationDeclaration<Input, Output> {
  readonly audit?: AuditDeclaration;
  readonly errors?: readonly ErrorDefinition[];
  readonly tenant?: Operation["tenantOf"];
  readonly prepare?: Operation["prepare"];
  readonly stillValid?: Operation["stillValid"];
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
export interface ModuleManifest {
  readonly module: AnyModule;
  readonly operations: readonly Operation[];
  readonly events: readonly EventDefinition[];
  /** Errors that are returned outside of operations' declarations; usually none. */
  readonly steps: readonly SchemaStep[];
  /** Rights on its tables that the application's role does not have, by table. */
  readonly withheld?: Readonly<Record<string, string>>;
  /** `apis` binds the reading APIs of the modules that this one uses to a transaction. */
  // biome-ignore lint/suspicious/noExplicitAny: the APIs' types are known to the module, which declares what it uses
  readonly consumers?: (platform: Platform, apis: (tx: WriteHandle) => any) => readonly Consumer[];
  /** What it consumes from other programs by way of the broker. */
  readonly brokerConsumers?: (platform: Platform, dispatch: InternalDispatch) => readonly BrokerConsumer[];
  /** What the worker does continuously. `operations` are those of every module, by name. */
  readonly background?: (platform: Platform, operations: ReadonlyMap<string, Operation>) => readonly BackgroundTask[];
  /** What waits for its continuous work, so that a probe and an alert show when that stops. */
  readonly backlogs?: readonly Backlog[];
  /** Figures that are counted in the tables when somebody asks for the metrics. */
  readonly gauges?: readonly TableGauge[];
  /** Readers of the log by position, and those that need its events kept, beside its consumers. */
  readonly logReaders?: readonly LogReader[];
  /** Its encrypted columns; a test fails on one that is missing here. */
  readonly encrypted?: readonly EncryptedField[];
  /** Commands without input that are called each time the product starts. */
  readonly atStart?: readonly Operation[];
  /** Which credentials it issues, and how a call that carries one is authenticated. */
  readonly authenticators?: (process: ModuleProcess) => readonly Authenticator[];
  /** The queues of its jobs: made in every process, so that any may enqueue. */
  // biome-ignore lint/suspicious/noExplicitAny: each job has its own payload
  readonly queues?: readonly JobName<any>[];
  // biome-ignore lint/suspicious/noExplicitAny: each job has its own payload
  readonly jobs?: (platform: Platform, dispatch: InternalDispatch) => readonly Job<any>[];
}
