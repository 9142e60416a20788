import { parseArgs } from "node:util";
import { confirmRemoval, listStoppedRemovals } from "#modules/insight/operations/index.ts";
import { readConfiguration } from "../configuration.ts";
import { type Command, UsageError } from "./command.ts";
import { callOperation } from "./reach.ts";

const about = "Works beside a running server as well as alone (docs/operations/runbook.md#gatehouseremovalstopped).";

export const retentionCommands: readonly Command[] = [
  {
    words: ["retention", "status"],
    usage: "gatehouse retention status",
    does: `List removals that are stopped, because more is due at once than one run may take.\n${about}`,
    async run() {
      const answer = await callOperation(readConfiguration(process.env), listStoppedRemovals, {});
      process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    },
  },
  {
    words: ["retention", "confirm"],
    usage: "gatehouse retention confirm <name>",
    does: `Let a stopped removal go on for a day.\n${about}`,
    async run(args) {
      const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true });
      const [name] = positionals;
      if (name === undefined || positionals.length > 1) throw new UsageError("One name of gatehouse retention status is needed.");
      await callOperation(readConfiguration(process.env), confirmRemoval, { name });
      process.stdout.write("done\n");
    },
  },
];
