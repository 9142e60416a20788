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
import { type Command, UsageError } from "./command.ts";
import { type CallOperation, callOperations } from "./reach.ts";

/** Progress is told for chains that take a while. */
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
    "Verify the audit chains: tells every record that was changed, deleted, reordered or is missing at the end; exits 1 then.\n" +
    "--against compares with checkpoints that were kept elsewhere (gatehouse audit checkpoint).\n" +
    "--file verifies an export in JSON Lines by itself, anywhere: --keys are the public keys that are trusted (what\n" +
    "/.well-known/audit-keys.json answered), --complete says that it has every record, so that an absent one is a fault.",
  async run(args) {
    const { values } = parseArgs({ args: [...args], options });
    const { file, organization, against, keys, complete } = values;
    const misplaced = file === undefined ? (keys ?? complete) : organization;
    if (misplaced !== undefined) throw new UsageError("--keys and --complete are for --file, --organization is not.");
    const kept = against === undefined ? [] : read(against);
    const problems =
      file === undefined
        ? await callOperations(readConfiguration(process.env), (call) => verify(call, organization, kept))
        : await verifyExport({ file, keys, complete: complete === true }, kept);
    if (problems > 0) process.exitCode = 1;
    const whole = file === undefined ? "The audit log is intact.\n" : "Nothing is wrong with what is in this file.\n";
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

async function verify(call: CallOperation, only: string | undefined, kept: readonly Checkpoint[]): Promise<number> {
  let problems = 0;
  const tell = (name: string, findings: readonly Finding[]): void => {
    problems += findings.length;
    for (const { kind, text } of findings) process.stdout.write(`WRONG ${name}: ${text} (${kind})\n`);
  };
  if (only === undefined) tell("the audit log", (await call(verifyConsistency, {})).findings);
  const chains = new Set<string>();
  for await (const { organizationId } of headsOf(call)) {
    const name = nameOf(organizationId);
    if (only !== undefined && only !== name) continue;
    chains.add(name);
    await verifyParts(call, organizationId, (findings) => tell(name, findings));
  }
  for (const [organizationId, ofChain] of Map.groupBy(kept, (one) => one.organizationId)) {
    const name = nameOf(organizationId);
    if (only === undefined || only === name) await verifyAgainst(call, organizationId, ofChain, (findings) => tell(name, findings));
  }
  if (only !== undefined && chains.size === 0) throw new UsageError(`There is no chain of ${only}.`);
  return problems;
}

/** Part by part; of a chain that is not here once is enough. */
async function verifyAgainst(
  call: CallOperation,
  organizationId: string | null,
  ofChain: readonly Checkpoint[],
  tell: (findings: readonly Finding[]) => void,
): Promise<void> {
  const told = new Set<string>();
  for (let from = 0; from < ofChain.length; from += checkpointsMax) {
    const checkpoints = ofChain.slice(from, from + checkpointsMax);
    const { findings } = await call(verifyCheckpoints, { organizationId, checkpoints });
    tell(findings.filter(({ text }) => !told.has(text) && told.add(text)));
  }
}

type Page = Static<typeof verifyChain.output>;

async function verifyParts(
  call: CallOperation,
  organizationId: string | null,
  tell: (findings: readonly Finding[]) => void,
): Promise<void> {
  const name = nameOf(organizationId);
  let after: Page["next"] = null;
  let checked = 0;
  for (;;) {
    const page: Page = await call(verifyChain, { organizationId, ...(after === null ? {} : { after }) });
    tell(page.findings);
    const before = checked;
    checked += page.checked;
    if (Math.floor(checked / progressEvery) > Math.floor(before / progressEvery)) {
      process.stderr.write(`${name}: ${checked} of ${page.length} records\n`);
    }
    if (page.next === null) {
      const since = page.begins > 1 ? `, from ${page.begins} on: what was older was removed by retention` : "";
      process.stdout.write(`${name}: ${checked} records looked at${since}\n`);
      return;
    }
    after = page.next;
  }
}
