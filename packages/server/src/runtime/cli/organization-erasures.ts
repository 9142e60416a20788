import { listErasures } from "#modules/organization/tenancy/index.ts";
import { readConfiguration } from "../configuration.ts";
import { callOperation } from "./call-operation.ts";
import type { Command } from "./command.ts";

export const organizationErasuresCommand: Command = {
  words: ["organization", "erasures"],
  usage: "gatehouse organization erasures",
  does:
    "List the organizations whose data is being erased, and the progress.\n" +
    "Works with and without a running server (docs/operations/runbook.md#gatehouseerasurestands).",
  async run() {
    const { items } = await callOperation(readConfiguration(process.env), listErasures, {});
    process.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  },
};
