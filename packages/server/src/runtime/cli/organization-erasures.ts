import { listErasures } from "#modules/organization/tenancy/index.ts";
import { readConfiguration } from "../configuration.ts";
import type { Command } from "./command.ts";
import { callOperation } from "./reach.ts";

export const organizationErasuresCommand: Command = {
  words: ["organization", "erasures"],
  usage: "gatehouse organization erasures",
  does:
    "List the organizations whose data are being removed, and how far that is.\n" +
    "Works beside a running server as well as alone (docs/operations/runbook.md#gatehouseerasurestands).",
  async run() {
    const { items } = await callOperation(readConfiguration(process.env), listErasures, {});
    process.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  },
};
