import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { createUser } from "#modules/signin/authentication/index.ts";
import { readConfiguration } from "../configuration.ts";
import { callOperation } from "./call-operation.ts";
import { type Command, UsageError } from "./command.ts";

export const userCreateCommand: Command = {
  words: ["user", "create"],
  usage:
    "gatehouse user create --email a@example.com --first-name A --last-name B [--locale en] [--administrator]\n" +
    "The password is read from GATEHOUSE_USER_PASSWORD, or from standard input.",
  does: "Create an active user, with --administrator as an internal administrator.\nWorks with and without a running server.",
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        email: { type: "string" },
        "first-name": { type: "string" },
        "last-name": { type: "string" },
        locale: { type: "string", default: "en" },
        administrator: { type: "boolean", default: false },
      },
    });
    const { email, locale, administrator } = values;
    const firstName = values["first-name"];
    const lastName = values["last-name"];
    if (!email || !firstName || !lastName) throw new UsageError("--email, --first-name and --last-name are needed.");
    const configuration = readConfiguration(process.env);
    const password = await readPassword();
    const user = await callOperation(configuration, createUser, { email, password, firstName, lastName, locale, administrator });
    process.stdout.write(`${JSON.stringify(user, null, 2)}\n`);
  },
};

/** Not an option, because every user of the machine can list the options of processes. */
async function readPassword(): Promise<string> {
  const given = process.env["GATEHOUSE_USER_PASSWORD"];
  if (given !== undefined) return given;
  const lines = createInterface({ input: process.stdin, output: process.stdin.isTTY ? process.stderr : undefined, terminal: false });
  if (process.stdin.isTTY) process.stderr.write("Password: ");
  for await (const line of lines) return line;
  throw new UsageError("No password was given on standard input.");
}
