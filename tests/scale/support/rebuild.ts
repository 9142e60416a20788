import { asOperator, type TestServer } from "@gatehouse/testing/server.ts";

/** As many keys as one repair takes. */
const keysMax = 1_000;

/** What `gatehouse projection rebuild` does; returns how many entries there are. */
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
