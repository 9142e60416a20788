import { parseArgs } from "node:util";
import { restoreOwner } from "#modules/organization/tenancy/index.ts";
import { restoreAdministrator } from "#modules/signin/authentication/index.ts";
import { readConfiguration } from "../configuration.ts";
import { type CallOperation, callOperations } from "./call-operation.ts";
import { type Command, UsageError } from "./command.ts";

const runbook = "Works with and without a running server (docs/operations/runbook.md#nobody-can-administer).";

/** Restores access to the internal scope where no administrator is left. */
export const userRestoreCommand: Command = {
  words: ["user", "restore"],
  usage: "gatehouse user restore --email a@example.com",
  does: `Make a user an active internal administrator, also where they were suspended or lost the role.\n${runbook}`,
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { email: { type: "string" } } });
    if (!values.email) throw new UsageError("--email is needed.");
    const { email } = values;
    await restore((call) => call(restoreAdministrator, { email }));
  },
};

/** The same for an organization. */
export const organizationRestoreCommand: Command = {
  words: ["organization", "restore"],
  usage: "gatehouse organization restore --organization 0198… --email a@example.com",
  does: `Make a user an active owner of an organization, also where they were suspended or lost the role.\n${runbook}`,
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { organization: { type: "string" }, email: { type: "string" } } });
    if (!values.organization || !values.email) throw new UsageError("--organization and --email are needed.");
    const { organization: organizationId, email } = values;
    await restore((call) => call(restoreOwner, { organizationId, email }));
  },
};

async function restore(work: (call: CallOperation) => Promise<unknown>): Promise<void> {
  const membership = await callOperations(readConfiguration(process.env), work);
  process.stdout.write(`${JSON.stringify(membership, null, 2)}\n`);
}
