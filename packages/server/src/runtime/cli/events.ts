import { parseArgs } from "node:util";
import { readConfiguration } from "../configuration.ts";
import { type Command, UsageError } from "./command.ts";
import { callOperation } from "./reach.ts";

const about =
  "A consumer of the log is named as gatehouse events status shows it; the broker's consumer for billing is iam.billing.\n" +
  "Works beside a running server as well as alone.";

/** The two words after `events`, and what they do. */
const command = (
  words: readonly string[],
  usage: string,
  does: string,
  work: (values: { consumer?: string; id?: string; after?: string; all?: boolean }) => readonly [string, Record<string, unknown>],
): Command => ({
  words: ["events", ...words],
  usage: `gatehouse events ${words.join(" ")}${usage}`,
  does: `${does}\n${about}`,
  async run(args) {
    const options = { consumer: { type: "string" }, id: { type: "string" }, after: { type: "string" }, all: { type: "boolean" } } as const;
    const [operation, input] = work(parseArgs({ args: [...args], options }).values);
    const answer = await callOperation(readConfiguration(process.env), operation, input);
    process.stdout.write(answer === null ? "done\n" : `${JSON.stringify(answer, null, 2)}\n`);
  },
});

const needed = (name: string, value: string | undefined): string => {
  if (value === undefined) throw new UsageError(`--${name} is needed.`);
  return value;
};

export const eventsCommands: readonly Command[] = [
  command(["status"], "", "Show how far the relay and the log's consumers are.", () => ["operations.getStatus", {}]),
  command(["dead-letters", "list"], " --consumer iam.billing [--after <next>]", "List what a consumer could not handle.", (values) => [
    "operations.listDeadLetters",
    { consumer: needed("consumer", values.consumer), ...(values.after === undefined ? {} : { after: values.after }) },
  ]),
  command(
    ["dead-letters", "redrive"],
    " --consumer iam.billing (--id <id> | --all)",
    "Hand dead letters to their consumer again.",
    (values) => {
      if ((values.id === undefined) === (values.all !== true)) throw new UsageError("Either --id or --all is needed.");
      return [
        "operations.redriveDeadLetters",
        { consumer: needed("consumer", values.consumer), ...(values.id === undefined ? {} : { id: values.id }) },
      ];
    },
  ),
  command(["dead-letters", "drop"], " --consumer iam.billing --id <id>", "Forget a dead letter.", (values) => [
    "operations.dropDeadLetter",
    { consumer: needed("consumer", values.consumer), id: needed("id", values.id) },
  ]),
];
