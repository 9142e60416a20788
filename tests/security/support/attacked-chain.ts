import { expectOk } from "@gatehouse/testing/answers.ts";
import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator, type TestServer } from "@gatehouse/testing/server.ts";
import { type RawBuilder, sql } from "kysely";
import { expect } from "vitest";
import type { Finding } from "../../../packages/server/src/modules/foundation/audit/index.ts";

export interface Verified {
  readonly findings: readonly Finding[];
  readonly begins: number;
}

/** The chain of a new organization, and what an attacker with access to the database does to it. */
export interface AttackedChain {
  readonly organization: OrganizationOf;
  /** The SQL condition that selects its rows. */
  readonly here: RawBuilder<unknown>;
  rename(name: string): Promise<AnyBody>;
  /** The findings about the chain, also against external checkpoints; `changed 4-4`. */
  findings(kept?: readonly AnyBody[]): Promise<string[]>;
  /** The findings about the audit log outside of its chains. */
  consistency(): Promise<string[]>;
  verified(): Promise<Verified>;
  head(): Promise<AnyBody>;
  /** Runs a statement that changes rows. */
  tamper(statement: RawBuilder<unknown>): Promise<void>;
}

/** An organization whose chain has `records` records. */
export async function attackedChain(server: TestServer, records: number): Promise<AttackedChain> {
  const organization = await newOrganization(server);
  const rename = (name: string): Promise<AnyBody> =>
    expectOk(server.call(`PUT /api/v1/iam/organizations/${organization.id}`, { token: organization.owner.token, body: { name } }));
  for (let made = 1; made < records; made += 1) await rename(`Name ${made} of ${organization.id}`);
  await server.application.settled();
  return {
    organization,
    here: sql`organization_id = ${organization.id}`,
    rename,
    tamper: (statement) => tamper(server, statement),
    verified: () => verified(server, organization.id),
    async findings(kept = []) {
      const { findings } = await verified(server, organization.id);
      const held =
        kept.length === 0
          ? []
          : (await asOperator(server, "audit.verifyCheckpoints", { organizationId: organization.id, checkpoints: kept })).findings;
      return [...findings, ...held].map(({ kind, number, through }: Finding) => `${kind} ${number}-${through}`);
    },
    consistency: () => consistency(server),
    head: () => headOf(server, organization.id),
  };
}

/** As an attacker with access to the database: without triggers, foreign keys and row-level security. */
export async function tamper(server: TestServer, statement: RawBuilder<unknown>): Promise<void> {
  await server.application.platform.database.owner.transaction().execute(async (tx) => {
    await sql`set local session_replication_role = replica`.execute(tx);
    const { numAffectedRows } = await statement.execute(tx);
    expect(Number(numAffectedRows)).toBeGreaterThan(0);
  });
}

export async function verified(server: TestServer, organizationId: string | null): Promise<Verified> {
  const findings: Finding[] = [];
  let after: AnyBody = null;
  for (;;) {
    const page: AnyBody = await asOperator(server, "audit.verifyChain", { organizationId, ...(after ? { after } : {}) });
    findings.push(...page.findings);
    after = page.next;
    if (after === null) return { findings, begins: page.begins };
  }
}

export const consistency = async (server: TestServer): Promise<string[]> =>
  (await asOperator(server, "audit.verifyConsistency", {})).findings.map((one: Finding) => `${one.kind}: ${one.text}`);

async function headOf(server: TestServer, organizationId: string): Promise<AnyBody> {
  let cursor: string | null = null;
  do {
    const page: AnyBody = await asOperator(server, "audit.listChains", { limit: 200, ...(cursor ? { cursor } : {}) });
    const found = page.items.find((one: AnyBody) => one.organizationId === organizationId);
    if (found) return found;
    cursor = page.nextCursor;
  } while (cursor);
  throw new Error("no head");
}
