import { parseArgs } from "node:util";
import { dropDeadLetter, getStatus, listDeadLetters, redriveDeadLetters } from "#modules/insight/operations/index.ts";
import { readConfiguration } from "../configuration.ts";
import { type CallOperation, withOperations } from "./call-operation.ts";
import { type Command, UsageError } from "./command.ts";

const about =
  "A consumer of the log is named as gatehouse events status shows it; the broker's consumer for billing is iam.billing.\n" +
  "Works with and without a running server.";

/** A subcommand of `events`. */
const command = (
  words: readonly string[],
  usage: string,
  does: string,
  work: (call: CallOperation, values: { consumer?: string; id?: string; after?: string; all?: boolean }) => Promise<unknown>,
): Command => ({
  words: ["events", ...words],
  usage: `gatehouse events ${words.join(" ")}${usage}`,
  does: `${does}\n${about}`,
  async run(args) {
    const options = { consumer: { type: "string" }, id: { type: "string" }, after: { type: "string" }, all: { type: "boolean" } } as const;
    const { values } = parseArgs({ args: [...args], options });
    const answer = await withOperations(readConfiguration(process.env), (call) => work(call, values));
    process.stdout.write(answer === null ? "done\n" : `${JSON.stringify(answer, null, 2)}\n`);
  },
});

const needed = (name: string, value: string | undefined): string => {
  if (value === undefined) throw new UsageError(`--${name} is needed.`);
  return value;
};

export const eventsCommands: readonly Command[] = [
  command(["status"], "", "Show how far the relay and the log's consumers are.", (call) => call(getStatus, {})),
  command(
    ["dead-letters", "list"],
    " --consumer iam.billing [--after <next>]",
    "List what a consumer could not handle.",
    (call, { consumer, after }) =>
      call(listDeadLetters, { consumer: needed("consumer", consumer), ...(after === undefined ? {} : { after }) }),
  ),
  command(
    ["dead-letters", "redrive"],
    " --consumer iam.billing (--id <id> | --all)",
    "Redeliver dead letters to their consumer.",
    (call, { consumer, id, all }) => {
      if ((id === undefined) === (all !== true)) throw new UsageError("Either --id or --all is needed.");
      return call(redriveDeadLetters, { consumer: needed("consumer", consumer), ...(id === undefined ? {} : { id }) });
    },
  ),
  command(["dead-letters", "drop"], " --consumer iam.billing --id <id>", "Delete a dead letter.", (call, { consumer, id }) =>
    call(dropDeadLetter, { consumer: needed("consumer", consumer), id: needed("id", id) }),
  ),
];
