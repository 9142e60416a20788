import { parseArgs } from "node:util";
import { erasePerson } from "#modules/foundation/audit/index.ts";
import { readConfiguration } from "../configuration.ts";
import { callOperation } from "./call-operation.ts";
import { type Command, UsageError } from "./command.ts";

export const auditEraseCommand: Command = {
  words: ["audit", "erase"],
  usage: "gatehouse audit erase [--user <id>] [--email a@example.com]",
  does:
    "Destroy the key of a person's data in the audit log: the data can no longer be decrypted, and the chains verify as before.\n" +
    "Only a backup that still has the key can undo this.",
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { user: { type: "string" }, email: { type: "string" } } });
    const { user: userId, email } = values;
    if (userId === undefined && email === undefined) throw new UsageError("--user or --email is needed.");
    const input = { ...(userId === undefined ? {} : { userId }), ...(email === undefined ? {} : { email }) };
    const { erased } = await callOperation(readConfiguration(process.env), erasePerson, input);
    process.stdout.write(erased ? "Erased.\n" : "The audit log had nothing of this person.\n");
  },
};
