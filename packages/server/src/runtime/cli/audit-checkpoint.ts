import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Checkpoint, listChains } from "#modules/foundation/audit/index.ts";
import type { Static } from "#operation/declaration/schema.ts";
import { readConfiguration } from "../configuration.ts";
import { type CallOperation, callOperations } from "./call-operation.ts";
import type { Command } from "./command.ts";

/** The name of a chain on the command line. */
export const nameOf = (organizationId: string | null): string => organizationId ?? "internal";

export const auditCheckpointCommand: Command = {
  words: ["audit", "checkpoint"],
  usage: "gatehouse audit checkpoint [--out checkpoints.jsonl]",
  does:
    "Print the signed heads of the audit chains, a line of JSON each.\n" +
    "Store them where an administrator of the database cannot write: gatehouse audit verify --against proves the chains by them.",
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { out: { type: "string" } } });
    const lines: string[] = [];
    await callOperations(readConfiguration(process.env), async (call) => {
      for await (const head of headsOf(call)) lines.push(`${JSON.stringify(head)}\n`);
    });
    if (values.out === undefined) process.stdout.write(lines.join(""));
    else writeFileSync(values.out, lines.join(""));
  },
};

/** The head of every chain, page by page. */
export async function* headsOf(call: CallOperation): AsyncGenerator<Checkpoint> {
  let cursor: string | null | undefined;
  do {
    const page = (await call(listChains, { limit: 200, ...(cursor ? { cursor } : {}) })) as Static<typeof listChains.output>;
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor);
}

export const linesOf = (text: string): readonly Checkpoint[] =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Checkpoint);
