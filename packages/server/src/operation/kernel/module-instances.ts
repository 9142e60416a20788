import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import type { Emit, Enqueue } from "../declaration/context.ts";
import type { AnyModule } from "../declaration/module.ts";

/** A transaction that module APIs are bound to. Without `write`, only the read APIs are available. */
export interface BoundTransaction {
  readonly db: ReadHandle;
  readonly now: Date;
  readonly write?: { readonly tx: WriteHandle; readonly emit: Emit; readonly enqueue: Enqueue };
}

/** The modules of one process: the state of each, and their APIs bound to a transaction. */
export class ModuleInstances {
  readonly #states = new Map<string, unknown>();

  constructor(modules: readonly AnyModule[], platform: Platform) {
    for (const { name, declaration } of modules) this.#states.set(name, declaration.state?.(platform));
  }

  stateOf<State>(module: { readonly name: string }): State {
    return this.#states.get(module.name) as State;
  }

  /** The APIs of the modules that `module` uses, by their names in its declaration. */
  apisFor(module: AnyModule, bound: BoundTransaction): Record<string, unknown> {
    const uses = (module.declaration.uses ?? {}) as Record<string, AnyModule>;
    return Object.fromEntries(Object.entries(uses).map(([name, used]) => [name, this.#apiOf(used, bound)]));
  }

  /** The functions of the modules that `module` uses that answer from in-process caches. */
  cachedApisFor(module: AnyModule): Record<string, unknown> {
    const uses = (module.declaration.uses ?? {}) as Record<string, AnyModule>;
    return Object.fromEntries(
      Object.entries(uses).map(([name, used]) => [
        name,
        used.declaration.cachedApi?.({ state: this.stateOf(used), uses: this.cachedApisFor(used) }) ?? {},
      ]),
    );
  }

  #apiOf(module: AnyModule, bound: BoundTransaction): Record<string, unknown> {
    const { declaration } = module;
    const shared = { state: this.stateOf(module), uses: this.apisFor(module, bound), now: bound.now };
    const reads = declaration.readApi?.({ ...shared, store: declaration.store.reads(bound.db) }) ?? {};
    if (bound.write === undefined) return reads;
    const { tx, emit, enqueue } = bound.write;
    const store = { ...declaration.store.reads(bound.db), ...declaration.store.writes(tx) };
    return { ...reads, ...declaration.writeApi?.({ ...shared, store, emit, enqueue }) };
  }
}
