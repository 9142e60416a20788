import { asOperator, type TestServer } from "@gatehouse/testing/server.ts";

/** The maximum of keys of one repair. */
const keysMax = 1_000;

/** Rebuilds the projection as `gatehouse projection rebuild` does. Returns the number of entries. */
export async function rebuildProjection(server: TestServer): Promise<number> {
  let count = 0;
  let cursor: string | null = null;
  do {
    const page: { keys: string[]; next: string | null } = await asOperator(server, "decisions.listEntryKeys", { cursor });
    for (let from = 0; from < page.keys.length; from += keysMax) {
      await asOperator(server, "decisions.repairProjection", { keys: page.keys.slice(from, from + keysMax) });
    }
    count += page.keys.length;
    cursor = page.next;
  } while (cursor !== null);
  return count;
}
