import { parseArgs } from "node:util";
import { readConfiguration } from "../configuration.ts";
import { type Command, UsageError } from "./command.ts";
import { callOperations } from "./reach.ts";

const runbook = "Works beside a running server as well as alone (docs/operations/runbook.md#nobody-can-administer).";

/** The way back into the internal scope where nobody is left who could open it. */
const userRestoreCommand: Command = {
  words: ["user", "restore"],
  usage: "gatehouse user restore --email a@example.com",
  does: `Make a user an active internal administrator, whatever was taken from them.\n${runbook}`,
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { email: { type: "string" } } });
    if (!values.email) throw new UsageError("--email is needed.");
    await restore("tenancy.restoreAdministrator", { email: values.email });
  },
};

/** The same for an organization. */
const organizationRestoreCommand: Command = {
  words: ["organization", "restore"],
  usage: "gatehouse organization restore --organization 0198… --email a@example.com",
  does: `Make a user an active owner of an organization, whatever was taken from them.\n${runbook}`,
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { organization: { type: "string" }, email: { type: "string" } } });
    if (!values.organization || !values.email) throw new UsageError("--organization and --email are needed.");
    await restore("tenancy.restoreOwner", { organizationId: values.organization, email: values.email });
  },
};

export const restoreCommands: readonly Command[] = [userRestoreCommand, organizationRestoreCommand];

async function restore(operation: string, input: Record<string, unknown>): Promise<void> {
  const membership = await callOperations(readConfiguration(process.env), (call) => call(operation, input));
  process.stdout.write(`${JSON.stringify(membership, null, 2)}\n`);
}
