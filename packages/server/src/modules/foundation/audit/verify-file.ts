import { createPublicKey } from "node:crypto";
import { Value } from "typebox/value";
import { Type } from "#operation/declaration/schema.ts";
import { AuditLog, type Checkpoint } from "./model.ts";
import { beginningOf, hashOfRecord } from "./record.ts";
import { type ExportedLog, recordOf } from "./represent.ts";
import { isSigned } from "./signing.ts";

/** A public key that is trusted, as `/.well-known/audit-keys.json` has it. */
export interface TrustedKey {
  readonly kid: string;
  readonly x: string;
}

/** What a file proves of one chain. */
export interface ChainInFile {
  readonly organizationId: string | null;
  readonly records: number;
  readonly first: number;
  readonly last: number;
  /** Numbers between the first and the last that the file does not have: left out by a search, or to hide something. */
  readonly absent: number;
  /** The records of the last stretch without a gap that a signed statement stands for. */
  readonly signed: { readonly from: number; readonly through: number; readonly at: string; readonly keyId: string } | undefined;
}

export interface FileReport {
  readonly chains: readonly ChainInFile[];
  /** What is wrong, a sentence each. */
  readonly wrong: readonly string[];
}

interface Stretch {
  records: number;
  first: number;
  /** Where the present stretch without a gap began. */
  from: number;
  last: number;
  hash: string;
  absent: number;
  signed: ChainInFile["signed"];
}

const Line = Type.Object({
  ...Type.Omit(AuditLog, ["personal", "erased"]).properties,
  principal: Type.Optional(AuditLog.properties.principal),
  credential: Type.Optional(AuditLog.properties.credential),
});

/**
 * Verifies the lines of an export (JSON Lines) without the server that it came from: that each record is what its hash was made of, that
 * each has the hash of the one before, and that they agree with the signed statements. Personal data is not covered: a record's hash is
 * over the ciphertext at the server. Memory does not grow with the file.
 */
export async function verifyFile(
  lines: AsyncIterable<string>,
  checkpoints: readonly Checkpoint[],
  trusted: readonly TrustedKey[] | undefined,
): Promise<FileReport> {
  const wrong: string[] = [];
  const sound = checkpoints.filter((one) => isSound(one, trusted, wrong));
  const said = Map.groupBy(sound, ({ organizationId, number }) => placeOf(organizationId, number));
  const chains = new Map<string | null, Stretch>();
  let at = 0;
  for await (const line of lines) {
    at += 1;
    if (line.trim() === "") continue;
    const log = parsed(line);
    if (log === undefined) {
      wrong.push(`line ${at} is no record`);
      continue;
    }
    const { organizationId, number, hash } = log;
    const where = `${organizationId ?? "internal"}, record ${number}`;
    if (hashOfRecord(recordOf(log)) !== hash) wrong.push(`${where}: was changed`);
    const chain = chains.get(organizationId);
    const issue = chain === undefined ? issueOfFirst(log) : issueOfNext(log, chain);
    if (issue !== undefined) wrong.push(`${where}: ${issue}`);
    const next = joined(chain, log);
    for (const one of said.get(placeOf(organizationId, number)) ?? []) {
      if (one.hash === hash) next.signed = { from: next.from, through: number, at: one.signedAt, keyId: one.keyId };
      else wrong.push(`${where}: is another record than the signed one`);
    }
    chains.set(organizationId, next);
  }
  const verified = [...chains].map(([organizationId, { records, first, last, absent, signed }]) => ({
    organizationId,
    records,
    first,
    last,
    absent,
    signed,
  }));
  return { chains: verified, wrong };
}

const placeOf = (organizationId: string | null, number: number): string => `${organizationId ?? "internal"} ${number}`;

function parsed(line: string): ExportedLog | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!Value.Check(Line, value)) return undefined;
    // The hash is over its text: what is nested too deeply to be written again is no record.
    JSON.stringify(value);
    return value;
  } catch {
    return undefined;
  }
}

const issueOfFirst = ({ organizationId, number, previousHash }: Pick<AuditLog, "organizationId" | "number" | "previousHash">) =>
  number === 1 && previousHash !== beginningOf(organizationId) ? "does not stand on the beginning of its chain" : undefined;

function issueOfNext({ number, previousHash }: Pick<AuditLog, "number" | "previousHash">, chain: Stretch): string | undefined {
  if (number <= chain.last) return `stands behind record ${chain.last}: reordered`;
  return number === chain.last + 1 && previousHash !== chain.hash ? "does not stand on the record before it" : undefined;
}

function joined(chain: Stretch | undefined, { number, hash }: Pick<AuditLog, "number" | "hash">): Stretch {
  if (chain === undefined) return { records: 1, first: number, from: number, last: number, hash, absent: 0, signed: undefined };
  const gap = Math.max(0, number - chain.last - 1);
  return {
    ...chain,
    records: chain.records + 1,
    from: gap > 0 ? number : chain.from,
    last: Math.max(number, chain.last),
    hash,
    absent: chain.absent + gap,
  };
}

/** Whether a statement is signed with the key that came with it, and that key is one that is trusted. */
function isSound(one: Checkpoint, trusted: readonly TrustedKey[] | undefined, wrong: string[]): boolean {
  const where = `${one.organizationId ?? "internal"}, the checkpoint of record ${one.number}`;
  const signed = { key_id: one.keyId, signature: one.signature, signed_at: new Date(one.signedAt) };
  try {
    if (!isSigned(one, signed, one.publicKey)) wrong.push(`${where}: its signature is not right`);
    else if (trusted !== undefined && !trusted.some(({ kid, x }) => kid === one.keyId && x === rawOf(one.publicKey)))
      wrong.push(`${where}: is signed with a key that is not among the trusted ones`);
    else return true;
  } catch {
    wrong.push(`${where}: its key or its time is none`);
  }
  return false;
}

const rawOf = (publicKey: string): string | undefined => createPublicKey(publicKey).export({ format: "jwk" }).x;
