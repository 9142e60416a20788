import { parseArgs } from "node:util";
import { confirmRemoval, listStoppedRemovals } from "#modules/insight/operations/index.ts";
import { readConfiguration } from "../configuration.ts";
import { callOperation } from "./call-operation.ts";
import { type Command, UsageError } from "./command.ts";

const about = "Works with and without a running server (docs/operations/runbook.md#gatehouseremovalstopped).";

export const retentionCommands: readonly Command[] = [
  {
    words: ["retention", "status"],
    usage: "gatehouse retention status",
    does: `List removals that are stopped, because more rows are due than one run may delete.\n${about}`,
    async run() {
      const answer = await callOperation(readConfiguration(process.env), listStoppedRemovals, {});
      process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    },
  },
  {
    words: ["retention", "confirm"],
    usage: "gatehouse retention confirm <name>",
    does: `Allow a stopped removal for a day.\n${about}`,
    async run(args) {
      const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true });
      const [name] = positionals;
      if (name === undefined || positionals.length > 1) throw new UsageError("One name of gatehouse retention status is needed.");
      await callOperation(readConfiguration(process.env), confirmRemoval, { name });
      process.stdout.write("done\n");
    },
  },
];
