import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  type Checkpoint,
  checkpointsMax,
  type Finding,
  verifyChain,
  verifyCheckpoints,
  verifyConsistency,
} from "#modules/foundation/audit/index.ts";
import type { Static } from "#operation/declaration/schema.ts";
import { readConfiguration } from "../configuration.ts";
import { headsOf, linesOf, nameOf } from "./audit-checkpoint.ts";
import { verifyExport } from "./audit-verify-file.ts";
import { type CallOperation, callOperations } from "./call-operation.ts";
import { type Command, UsageError } from "./command.ts";

/** Records between two progress lines. */
const progressEvery = 10_000;

const options = {
  organization: { type: "string" },
  against: { type: "string" },
  file: { type: "string" },
  keys: { type: "string" },
  complete: { type: "boolean" },
} as const;

export const auditVerifyCommand: Command = {
  words: ["audit", "verify"],
  usage:
    "gatehouse audit verify [--organization <id>|internal] [--against checkpoints.jsonl]\n" +
    "gatehouse audit verify --file export.jsonl [--against checkpoints.jsonl] [--keys audit-keys.json] [--complete]",
  does:
    "Verify the audit chains: report every record that was changed, deleted, reordered or is missing at the end; exit 1 then.\n" +
    "--against compares with checkpoints that are stored elsewhere (gatehouse audit checkpoint).\n" +
    "--file verifies an export in JSON Lines offline: --keys are the public keys that are trusted (the answer of\n" +
    "/.well-known/audit-keys.json), --complete says that it has every record, so that a missing one is an error.",
  async run(args) {
    const { values } = parseArgs({ args: [...args], options });
    const { file, organization, against, keys, complete } = values;
    const misplaced = file === undefined ? (keys ?? complete) : organization;
    if (misplaced !== undefined) throw new UsageError("--keys and --complete are for --file, --organization is not.");
    const trusted = against === undefined ? [] : read(against);
    const problems =
      file === undefined
        ? await callOperations(readConfiguration(process.env), (call) => verify(call, organization, trusted))
        : await verifyExport({ file, keys, complete: complete === true }, trusted);
    if (problems > 0) process.exitCode = 1;
    const whole = file === undefined ? "The audit log is intact.\n" : "The records in this file are intact.\n";
    process.stdout.write(problems === 0 ? whole : `${problems} ${problems === 1 ? "thing is" : "things are"} wrong.\n`);
  },
};

function read(file: string): readonly Checkpoint[] {
  try {
    return linesOf(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UsageError(`${file} cannot be read as checkpoints: ${(error as Error).message}`);
  }
}

async function verify(call: CallOperation, only: string | undefined, trusted: readonly Checkpoint[]): Promise<number> {
  let problems = 0;
  const report = (name: string, findings: readonly Finding[]): void => {
    problems += findings.length;
    for (const { kind, text } of findings) process.stdout.write(`WRONG ${name}: ${text} (${kind})\n`);
  };
  if (only === undefined) report("the audit log", (await call(verifyConsistency, {})).findings);
  const chains = new Set<string>();
  for await (const { organizationId } of headsOf(call)) {
    const name = nameOf(organizationId);
    if (only !== undefined && only !== name) continue;
    chains.add(name);
    await verifyPages(call, organizationId, (findings) => report(name, findings));
  }
  for (const [organizationId, ofChain] of Map.groupBy(trusted, (one) => one.organizationId)) {
    const name = nameOf(organizationId);
    if (only === undefined || only === name) await verifyAgainst(call, organizationId, ofChain, (findings) => report(name, findings));
  }
  if (only !== undefined && chains.size === 0) throw new UsageError(`There is no chain of ${only}.`);
  return problems;
}

/** Compares in batches, and reports a missing chain once. */
async function verifyAgainst(
  call: CallOperation,
  organizationId: string | null,
  ofChain: readonly Checkpoint[],
  report: (findings: readonly Finding[]) => void,
): Promise<void> {
  const reported = new Set<string>();
  for (let from = 0; from < ofChain.length; from += checkpointsMax) {
    const checkpoints = ofChain.slice(from, from + checkpointsMax);
    const { findings } = await call(verifyCheckpoints, { organizationId, checkpoints });
    report(findings.filter(({ text }) => !reported.has(text) && reported.add(text)));
  }
}

type Page = Static<typeof verifyChain.output>;

async function verifyPages(
  call: CallOperation,
  organizationId: string | null,
  report: (findings: readonly Finding[]) => void,
): Promise<void> {
  const name = nameOf(organizationId);
  let after: Page["next"] = null;
  let checked = 0;
  for (;;) {
    const page: Page = await call(verifyChain, { organizationId, ...(after === null ? {} : { after }) });
    report(page.findings);
    const before = checked;
    checked += page.checked;
    if (Math.floor(checked / progressEvery) > Math.floor(before / progressEvery)) {
      process.stderr.write(`${name}: ${checked} of ${page.length} records\n`);
    }
    if (page.next === null) {
      const since = page.begins > 1 ? `, from ${page.begins} on: what was older was removed by retention` : "";
      process.stdout.write(`${name}: ${checked} records verified${since}\n`);
      return;
    }
    after = page.next;
  }
}
