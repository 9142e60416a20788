import type { CommandContext, PrepareContext, QueryContext, TenantContext } from "./context.ts";
import type { ErrorDefinition } from "./errors.ts";
import type { AnyModule, ApisOf, CachedApisOf, Module, ReadApisOf } from "./module.ts";

// A module's contexts by its type, for functions that several of its use cases share. `Failure` are the errors of the function.

export type TenantContextOf<M extends AnyModule, Failure extends ErrorDefinition = never> =
  M extends Module<infer Reads, infer _Writes, infer State, infer Uses, infer _ReadApi, infer _WriteApi, infer _CachedApi>
    ? TenantContext<Reads, State, ReadApisOf<Uses>, Failure>
    : never;
export type PrepareContextOf<M extends AnyModule, Failure extends ErrorDefinition = never> =
  M extends Module<infer Reads, infer _Writes, infer State, infer Uses, infer _ReadApi, infer _WriteApi, infer _CachedApi>
    ? PrepareContext<Reads, State, ReadApisOf<Uses>, Failure, CachedApisOf<Uses>>
    : never;
export type QueryContextOf<M extends AnyModule, Failure extends ErrorDefinition = never> =
  M extends Module<infer Reads, infer _Writes, infer State, infer Uses, infer _ReadApi, infer _WriteApi, infer _CachedApi>
    ? QueryContext<Reads, State, ReadApisOf<Uses>, Failure>
    : never;
export type CommandContextOf<M extends AnyModule, Failure extends ErrorDefinition = never> =
  M extends Module<infer Reads, infer Writes, infer State, infer Uses, infer _ReadApi, infer _WriteApi, infer _CachedApi>
    ? CommandContext<Reads, Writes, State, ApisOf<Uses>, Failure>
    : never;
