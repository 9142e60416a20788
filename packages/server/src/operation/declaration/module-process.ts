import type { ReadHandle } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";

/** The dependencies of a module's components that live as long as the process. */
export interface ModuleProcess {
  readonly platform: Platform;
  // biome-ignore lint/suspicious/noExplicitAny: the type of its state is known to the module, which makes it
  readonly state: any;
  /** Binds the read APIs of the modules that this one uses to a transaction. */
  // biome-ignore lint/suspicious/noExplicitAny: the APIs' types are known to the module, which declares what it uses
  readonly uses: (db: ReadHandle) => any;
}
