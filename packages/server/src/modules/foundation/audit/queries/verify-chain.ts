import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { audit } from "../module.ts";
import { beginningOf } from "../record.ts";
import { type HasValidSignature, type NamedStatement, signedBy, verifyStatement } from "../signatures.ts";
import type { AuditReads, ChainRow, CheckpointRow } from "../store.ts";
import { verifyPersonal } from "../verify-personal.ts";
import { type ChainPosition, Finding, finding, verifyRecords } from "../verify-records.ts";

/** Records in one call: a long chain is verified in pages, and the command line shows progress. */
const pageSize = 1_000;

const PositionInput = Type.Object({ number: Type.Integer({ minimum: 0 }), hash: Type.String() });

/**
 * Verifies the next page of a chain (docs/security/attacks.md, 40): hashes, order, gaps, personal data and checkpoints. The first page
 * also verifies that no record precedes the beginning, and the last page the signed head.
 */
export const verifyChain = audit.query("verifyChain", {
  summary: "Verify a page of an audit chain.",
  allow: operatorOnly(),
  everyTenant: "the operator verifies every chain",
  input: Type.Object({ organizationId: nullable(Uuid), after: Type.Optional(PositionInput) }),
  output: Type.Object({
    findings: Type.Array(Finding),
    /** The start of the next page; null at the end. */
    next: nullable(PositionInput),
    /** The number that the chain begins at: above 1 where older records were removed by retention. */
    begins: Type.Integer(),
    checked: Type.Integer(),
    length: Type.Integer(),
  }),
  async run({ store, services }, { organizationId, after }) {
    // In this order: a record that is appended or removed meanwhile is above the head or below the beginning, and no finding.
    const truncation = await store.truncation(organizationId);
    const span = await store.span(organizationId);
    const head = await store.chain(organizationId);
    const isSigned = signedBy(await store.signingKeys());
    const highest = span?.highest ?? 0;
    if (!head) return { findings: headless(highest), next: null, begins: 1, checked: 0, length: highest };
    const beginning = truncation ? { number: truncation.number, hash: truncation.hash } : { number: 0, hash: beginningOf(organizationId) };
    const isFirst = after === undefined || after.number <= beginning.number;
    const from = isFirst ? beginning : after;

    const rows = await store.chainPage(organizationId, from.number, head.number, pageSize);
    const { findings, position } = verifyRecords(rows, from, isFirst ? undefined : await store.recordAt(organizationId, from.number));
    // The personal data of a reordered record has the number that the record had before.
    const inOrder = rows.filter(({ number }) => !findings.some((one) => one.kind === "reordered" && one.number === number));
    const personal = await store.personalOf(inOrder.map(({ id }) => id));
    const all: Finding[] = [...findings, ...verifyPersonal(inOrder, personal, services.keys)];
    const isLast = rows.length < pageSize;
    const hashes = new Map([from, ...rows].map(({ number, hash }) => [number, hash]));
    const known = { hashes, begins: from.number, end: head.number };
    const statements = await store.statements(organizationId, isFirst ? null : from.number, position.number);
    for (const row of statements) all.push(...verifyStatement(statementOf(row), known, isSigned));
    if (isFirst && span !== undefined) all.push(...verifyBeginning(beginning, span.lowest));
    if (isLast) {
      all.push(...verifyHead(head, position, highest, isSigned));
      for (const row of await beyond(store, organizationId, position.number))
        all.push(...verifyStatement(statementOf(row), known, isSigned));
    }
    return {
      findings: await withoutRemoved(all, store, organizationId, truncation?.number ?? 0),
      next: isLast ? null : position,
      begins: beginning.number + 1,
      checked: rows.length,
      length: head.number - beginning.number,
    };
  },
});

const statementOf = (row: CheckpointRow): NamedStatement => ({
  row,
  kind: row.kind,
  name: row.kind === "truncation" ? "the truncation" : "a checkpoint",
});

/** Statements about records above the head, as read after the statements. */
async function beyond(store: AuditReads, organizationId: string | null, end: number): Promise<readonly CheckpointRow[]> {
  const found = await store.statements(organizationId, end, null);
  if (found.length === 0) return [];
  const head = await store.chain(organizationId);
  return found.filter(({ number }) => number > (head?.number ?? 0));
}

/** Records before the beginning are covered by no hash, but lists would show them. */
function verifyBeginning({ number }: ChainPosition, lowest: number): Finding[] {
  if (lowest > number) return [];
  return [finding("before_the_beginning", lowest, `records from ${lowest} on precede the chain's first, ${number + 1}`, number)];
}

function verifyHead(head: ChainRow, last: ChainPosition, highest: number, isSigned: HasValidSignature): Finding[] {
  const findings: Finding[] = [];
  if (!isSigned({ row: head, kind: "head" }))
    findings.push(finding("wrong_signature", head.number, `the signature of the head at ${head.number} is invalid`));
  if (last.number < head.number) {
    const first = last.number + 1;
    findings.push(finding("missing_at_the_end", first, `records ${first} to ${head.number} are missing at the end`, head.number));
  } else if (last.hash !== head.hash)
    findings.push(finding("changed", head.number, `record ${head.number} is not the one whose hash was signed`));
  if (highest > head.number) {
    const first = head.number + 1;
    findings.push(finding("beyond_the_head", first, `records ${first} to ${highest} follow the signed head`, highest));
  }
  return findings;
}

const headless = (highest: number): Finding[] =>
  highest === 0 ? [] : [finding("missing_at_the_end", highest, `the chain's head is missing; its newest record is ${highest}`)];

/** Drops findings about records that retention removed while the chain was read. */
async function withoutRemoved(
  findings: readonly Finding[],
  store: Pick<AuditReads, "truncation">,
  organizationId: string | null,
  known: number,
): Promise<Finding[]> {
  if (findings.length === 0) return [];
  const removed = (await store.truncation(organizationId))?.number ?? 0;
  return removed === known ? [...findings] : findings.filter(({ through }) => through > removed);
}
