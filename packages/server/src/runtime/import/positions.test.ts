import { type Fresh, freshPglite } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { schemaSteps } from "../modules.ts";
import { type Column, readTables, type Table } from "./catalogue.ts";
import { inOrderOfReference } from "./order.ts";
import { meaningOf } from "./positions.ts";
import { deleteSeed } from "./seeds.ts";

const column = (name: string, type: string, more: Partial<Column> = {}): Column => ({
  name,
  type,
  identity: false,
  required: false,
  generated: false,
  fallback: null,
  ...more,
});
const table = (name: string, ...columns: readonly Column[]): Table => ({ name, columns, foreignKeys: [], triggers: [] });

describe("the meaning of a table's transaction ids to an import", () => {
  let fresh: Fresh;
  let tables: readonly Table[];
  beforeAll(async () => {
    fresh = await freshPglite(schemaSteps);
    tables = await readTables(fresh.database.owner);
  });
  afterAll(() => fresh.close());

  it("is known for every table of the product, and is derived from the types", () => {
    const meanings = new Map(tables.map((each) => [each.name, meaningOf(each)]));
    expect(meanings.get("events")).toEqual({ kind: "log" });
    expect(meanings.get("consumers")).toEqual({ kind: "position", log: "events" });
    expect(meanings.get("audit_entries")).toEqual({ kind: "log" });
    expect(meanings.get("audit_progress")).toEqual({ kind: "position", log: "audit_entries" });
    expect(meanings.get("broker_messages")).toEqual({ kind: "log" });
    expect(meanings.get("broker_consumers")).toEqual({ kind: "position", log: "broker_messages" });
    expect(meanings.get("relays")).toEqual({ kind: "position", log: "events" });
    expect(meanings.get("audit_records")).toEqual({ kind: "plain" });
    expect(meanings.get("relationships")).toEqual({ kind: "revision", columns: ["revision"] });
    expect(meanings.get("projection_entries")).toEqual({ kind: "revision", columns: ["version"] });
    expect(meanings.get("idempotency_keys")).toEqual({ kind: "revision", columns: ["revision"] });
    expect(meanings.get("users")).toEqual({ kind: "plain" });
  });

  it("no column of type xid8 is copied unchanged, except the one that hashes cover", () => {
    const hashed = "audit_records";
    for (const each of tables.filter(({ name, columns }) => name !== hashed && columns.some(({ type }) => type === "xid8"))) {
      expect(meaningOf(each).kind, each.name).not.toBe("plain");
    }
  });

  it("a new table is a position where it has one, and a revision where it has only a transaction id", () => {
    expect(meaningOf(table("relays", column("transaction", "xid8"), column("sequence", "bigint")))).toEqual({
      kind: "position",
      log: "events",
    });
    expect(meaningOf(table("notes", column("written_in", "xid8")))).toEqual({ kind: "revision", columns: ["written_in"] });
  });

  it.each([
    ["another log", table("other_log", column("transaction", "xid8"), column("sequence", "bigint", { identity: true }))],
    [
      "a position and another transaction id",
      table("odd", column("transaction", "xid8"), column("sequence", "bigint"), column("seen", "xid8")),
    ],
    ["a declared column that is gone", table("projection_entries", column("key", "text"))],
  ])("refuses a table without a known meaning: %s", (_what, odd) => {
    expect(() => meaningOf(odd)).toThrow(`does not understand the table ${odd.name}`);
  });

  it("every row that the schema steps insert is known, and is deleted before the source's rows are copied", async () => {
    for (const { name } of tables) {
      await deleteSeed(fresh.database.owner, name);
      const { rows } = await sql`select * from ${sql.table(name)}`.execute(fresh.database.owner);
      expect(rows, `${name} needs an entry in runtime/import/seeds.ts`).toEqual([]);
    }
  });

  it("every table comes after those that it refers to; keys that no order satisfies are checked at the end", () => {
    const { tables: ordered, deferred } = inOrderOfReference(tables);
    expect(ordered.map(({ name }) => name).sort()).toEqual(tables.map(({ name }) => name).sort());
    const put = new Set(deferred.map(({ table: name, key }) => `${name}.${key.name}`));
    for (const [index, each] of ordered.entries()) {
      const before = ordered.slice(0, index).map(({ name }) => name);
      for (const key of each.foreignKeys) {
        if (!put.has(`${each.name}.${key.name}`)) expect(before, `${each.name} refers to ${key.to}`).toContain(key.to);
      }
    }
    const names = ordered.map(({ name }) => name);
    expect(names.indexOf("consumers")).toBeGreaterThan(names.indexOf("events"));
    expect(deferred.map(({ table: name }) => name)).toEqual(["permission_definitions"]);
  });

  it("a cycle of tables is ordered, and its keys are checked at the end", () => {
    const to = (name: string) => ({ name: `to_${name}`, to: name, deferrable: false });
    const one = { ...table("one"), foreignKeys: [to("other")] };
    const other = { ...table("other"), foreignKeys: [to("one")] };
    expect(inOrderOfReference([one, other])).toEqual({ tables: [one, other], deferred: [{ table: "one", key: to("other") }] });
  });
});
