import type { Command } from "./command.ts";

/** The commands by their first word, in the order of the help. Most of them load the whole product, so only those of one word are loaded. */
const loaders: Readonly<Record<string, () => Promise<readonly Command[]>>> = {
  start: async () => [(await import("./start.ts")).startCommand],
  migrate: async () => [(await import("./migrate.ts")).migrateCommand],
  user: async () => [(await import("./user-create.ts")).userCreateCommand, (await import("./restore.ts")).userRestoreCommand],
  key: async () => [(await import("./key-create.ts")).keyCreateCommand],
  organization: async () => [
    (await import("./organization-erasures.ts")).organizationErasuresCommand,
    (await import("./restore.ts")).organizationRestoreCommand,
  ],
  async projection() {
    const { projectionVerifyCommand, projectionRebuildCommand } = await import("./projection.ts");
    return [projectionVerifyCommand, projectionRebuildCommand];
  },
  config: async () => [(await import("./config.ts")).configCommand],
  openapi: async () => [(await import("./openapi.ts")).openapiCommand],
  doctor: async () => [(await import("./doctor.ts")).doctorCommand],
  events: async () => (await import("./events.ts")).eventsCommands,
  retention: async () => (await import("./retention.ts")).retentionCommands,
  audit: async () => [
    (await import("./audit-verify.ts")).auditVerifyCommand,
    (await import("./audit-checkpoint.ts")).auditCheckpointCommand,
    (await import("./audit-erase.ts")).auditEraseCommand,
  ],
  import: async () => [(await import("./import.ts")).importCommand],
  rebase: async () => [(await import("./rebase.ts")).rebaseCommand],
  async keys() {
    const { keysStatusCommand, keysRotateCommand, keysTransportCommand } = await import("./keys.ts");
    return [keysStatusCommand, keysRotateCommand, keysTransportCommand];
  },
};

/** The command that the arguments begin with. */
export async function commandOf(args: readonly string[]): Promise<Command | undefined> {
  const [first = ""] = args;
  const sameWord = Object.hasOwn(loaders, first) ? await loaders[first]?.() : undefined;
  return sameWord?.find(({ words }) => words.every((word, index) => args[index] === word));
}

/** Every command, in the order of the help. */
export async function allCommands(): Promise<readonly Command[]> {
  const all: Command[] = [];
  for (const load of Object.values(loaders)) all.push(...(await load()));
  return all;
}
