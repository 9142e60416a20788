import { createPublicKey } from "node:crypto";
import { Value } from "typebox/value";
import { Type } from "#operation/declaration/schema.ts";
import { AuditLog, type Checkpoint } from "./model.ts";
import { beginningOf, hashOfRecord } from "./record.ts";
import { type ExportedLog, recordOf } from "./represent.ts";
import { isSigned } from "./signing.ts";

/** A trusted public key, from `/.well-known/audit-keys.json`. */
export interface TrustedKey {
  readonly kid: string;
  readonly x: string;
}

/** What a file proves about one chain. */
export interface ChainInFile {
  readonly organizationId: string | null;
  readonly records: number;
  readonly first: number;
  readonly last: number;
  /** How many numbers between the first and the last are missing: left out by a search, or removed. */
  readonly absent: number;
  /** The last contiguous segment that a signed statement covers. */
  readonly signed: { readonly from: number; readonly through: number; readonly at: string; readonly keyId: string } | undefined;
}

export interface FileReport {
  readonly chains: readonly ChainInFile[];
  /** Findings, one sentence each. */
  readonly wrong: readonly string[];
}

interface Segment {
  records: number;
  first: number;
  /** The first number of the current segment without a gap. */
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
 * Verifies the lines of an export (JSON Lines) offline. Each record must match its hash, continue the record before it, and agree with the
 * signed checkpoints. Personal data is not verified: a record's hash covers the ciphertext, which only the server has. Memory use does
 * not grow with the file.
 */
export async function verifyFile(
  lines: AsyncIterable<string>,
  checkpoints: readonly Checkpoint[],
  trusted: readonly TrustedKey[] | undefined,
): Promise<FileReport> {
  const wrong: string[] = [];
  const valid = checkpoints.filter((one) => isValid(one, trusted, wrong));
  const checkpointsAt = Map.groupBy(valid, ({ organizationId, number }) => recordKey(organizationId, number));
  const chains = new Map<string | null, Segment>();
  let at = 0;
  for await (const line of lines) {
    at += 1;
    if (line.trim() === "") continue;
    const log = parsed(line);
    if (log === undefined) {
      wrong.push(`line ${at} is not a record`);
      continue;
    }
    const { organizationId, number, hash } = log;
    const where = `${organizationId ?? "internal"}, record ${number}`;
    if (hashOfRecord(recordOf(log)) !== hash) wrong.push(`${where}: was changed`);
    const chain = chains.get(organizationId);
    const issue = chain === undefined ? issueOfFirst(log) : issueOfNext(log, chain);
    if (issue !== undefined) wrong.push(`${where}: ${issue}`);
    const next = joined(chain, log);
    for (const one of checkpointsAt.get(recordKey(organizationId, number)) ?? []) {
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

const recordKey = (organizationId: string | null, number: number): string => `${organizationId ?? "internal"} ${number}`;

function parsed(line: string): ExportedLog | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!Value.Check(Line, value)) return undefined;
    // The hash covers the JSON text: a value that is nested too deeply to be serialized is not a record.
    JSON.stringify(value);
    return value;
  } catch {
    return undefined;
  }
}

const issueOfFirst = ({ organizationId, number, previousHash }: Pick<AuditLog, "organizationId" | "number" | "previousHash">) =>
  number === 1 && previousHash !== beginningOf(organizationId) ? "does not continue the beginning of its chain" : undefined;

function issueOfNext({ number, previousHash }: Pick<AuditLog, "number" | "previousHash">, chain: Segment): string | undefined {
  if (number <= chain.last) return `follows record ${chain.last}: reordered`;
  return number === chain.last + 1 && previousHash !== chain.hash ? "does not continue the record before it" : undefined;
}

function joined(chain: Segment | undefined, { number, hash }: Pick<AuditLog, "number" | "hash">): Segment {
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

/** Whether a checkpoint is signed with its own public key, and that key is trusted. */
function isValid(one: Checkpoint, trusted: readonly TrustedKey[] | undefined, wrong: string[]): boolean {
  const where = `${one.organizationId ?? "internal"}, the checkpoint of record ${one.number}`;
  const signed = { key_id: one.keyId, signature: one.signature, signed_at: new Date(one.signedAt) };
  try {
    if (!isSigned(one, signed, one.publicKey)) wrong.push(`${where}: its signature is invalid`);
    else if (trusted !== undefined && !trusted.some(({ kid, x }) => kid === one.keyId && x === rawOf(one.publicKey)))
      wrong.push(`${where}: is signed with a key that is not among the trusted ones`);
    else return true;
  } catch {
    wrong.push(`${where}: its key or its time is invalid`);
  }
  return false;
}

const rawOf = (publicKey: string): string | undefined => createPublicKey(publicKey).export({ format: "jwk" }).x;
