import { createReadStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { type Checkpoint, type FileReport, verifyFile } from "#modules/foundation/audit/index.ts";
import { nameOf } from "./audit-checkpoint.ts";
import { UsageError } from "./command.ts";

export interface FileOptions {
  readonly file: string;
  /** A copy of `/.well-known/audit-keys.json`. */
  readonly keys: string | undefined;
  /** Whether the file must have every record, so that a missing one is an error. */
  readonly complete: boolean;
}

/** Verifies an export offline: without a server, a database or a configuration. Returns the number of errors. */
export async function verifyExport({ file, keys, complete }: FileOptions, checkpoints: readonly Checkpoint[]): Promise<number> {
  const trusted = keys === undefined ? undefined : trustedIn(keys);
  const lines = createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  const { chains, wrong } = await verifyFile(lines, checkpoints, trusted).catch((error: unknown) => {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  });
  for (const text of wrong) say(`WRONG ${text}`);
  const isSaidOf = (organizationId: string | null, last: number) =>
    checkpoints.some((one) => one.organizationId === organizationId && one.number > last);
  const incomplete = complete
    ? chains.filter(({ organizationId, absent, first, last }) => absent > 0 || first > 1 || isSaidOf(organizationId, last))
    : [];
  for (const { organizationId } of incomplete) say(`WRONG ${nameOf(organizationId)}: the file does not have every record`);
  for (const chain of chains) say(proves(chain, trusted !== undefined));
  if (chains.length === 0) say("There is no record in this file.");
  return wrong.length + incomplete.length;
}

function proves({ organizationId, records, first, last, absent, signed }: FileReport["chains"][number], isTrusted: boolean): string {
  const gaps = absent === 0 ? "without a gap" : `${absent} between them are not in the file`;
  const proof =
    signed === undefined
      ? "no signature covers them (--against)"
      : `records ${signed.from} to ${signed.through} are as they were signed at ${signed.at} with the key ${signed.keyId}${isTrusted ? "" : ", which came with the signature (--keys)"}`;
  return `${nameOf(organizationId)}: ${records} records from ${first} to ${last}, ${gaps}; ${proof}`;
}

function trustedIn(file: string): readonly { readonly kid: string; readonly x: string }[] {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { keys: { kid: string; x: string }[] }).keys.map(({ kid, x }) => ({ kid, x }));
  } catch (error) {
    throw new UsageError(`${file} cannot be read as keys: ${(error as Error).message}`);
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
