import { hostname } from "node:os";
import {
  listCacheReports,
  listEntryKeys,
  renewSnapshot,
  repairProjection,
  startCacheCheck,
  verifyProjection,
} from "#modules/authorization/decisions/index.ts";
import type { Static } from "#operation/declaration/schema.ts";
import { readConfiguration } from "../configuration.ts";
import type { Command } from "./command.ts";
import { type CallOperation, callOperations } from "./reach.ts";

type Difference = Static<typeof verifyProjection.output>["differences"][number];

/** A process observes the question within an eighth of a second, and compares some hundred thousand entries in a few. */
const processesAnswerMs = 5_000;
const betweenAnswersMs = 250;

/** What differs is looked at again so often, so that an event on its way to the read model is not taken for a fault. */
const looks = 4;
const betweenLooksMs = 1_000;

export const projectionVerifyCommand: Command = {
  words: ["projection", "verify"],
  usage: "gatehouse projection verify",
  does:
    "Compare the projection that decisions are made from with its tables, and name each entry that differs, is missing, is left over or cannot be computed.\n" +
    "Looks into the shared copy (REDIS_URL), and asks every running process to look into its own caches, which forget what differs.\n" +
    "Changes no table; exits 1 when there is any. Works beside a running server.",
  run: () =>
    callOperations(readConfiguration(process.env), async (call) => {
      const found: Difference[] = [];
      const count = await eachPage(call, "compared", async (keys) => {
        for (const difference of await differencesOf(call, keys)) {
          found.push(difference);
          say(`${difference.how.padEnd(9)}  ${difference.where.padEnd(5)}  ${difference.key}`);
        }
      });
      say(`${count} entries, ${found.length === 0 ? "all as the tables say" : `${found.length} not as the tables say`}`);
      const differing = await inCaches(call);
      if (found.length + differing > 0) process.exitCode = 1;
    }),
};

export const projectionRebuildCommand: Command = {
  words: ["projection", "rebuild"],
  usage: "gatehouse projection rebuild",
  does:
    "Compute every entry of the projection anew from the tables and begin its Redis snapshot anew.\n" +
    "Works beside a running server, which goes on to answer. Run it after a restore of the database.",
  run: () =>
    callOperations(readConfiguration(process.env), async (call) => {
      const count = await eachPage(call, "written anew", async (keys) => void (await call(repairProjection, { keys: [...keys] })));
      await call(renewSnapshot, {});
      say(`${count} entries are written anew, and the Redis snapshot begins anew`);
    }),
};

/** Asks every process for what it has cached, tells each answer and returns how many cached entries differed. */
async function inCaches(call: CallOperation): Promise<number> {
  const { checkId } = await call(startCacheCheck, {});
  const told = new Set<string>();
  let differing = 0;
  for (let quietMs = 0; quietMs < processesAnswerMs; quietMs += betweenAnswersMs) {
    const { reports } = await call(listCacheReports, { checkId });
    for (const report of reports) {
      const name = `${report.host}, process ${report.pid}`;
      // This command is a process, too, where it works on the storage itself.
      if (told.has(name) || (report.pid === process.pid && report.host === hostname())) continue;
      told.add(name);
      quietMs = 0;
      differing += report.differing;
      for (const key of report.keys) say(`differs    cache  ${key} (${name})`);
      say(`${name}: ${report.entries} cached, ${report.differing === 0 ? "all as the database has them" : `${report.differing} were not`}`);
    }
    await new Promise((resolve) => setTimeout(resolve, betweenAnswersMs));
  }
  say(
    told.size === 0 ? "No running process has answered for its caches." : `${told.size} running processes have answered for their caches.`,
  );
  return differing;
}

/** As many as one call takes: a page has more where somebody is in thousands of organizations. */
const keysMax = 1_000;
/** Half a million parts take a minute; who watches sees that it goes on. */
const tellEveryMs = 2_000;

/**
 * Hands the keys to `work` in portions, and answers how many there were. Those that come or go meanwhile are the projector's. How far it
 * has come is told beside the result, on the standard error.
 */
async function eachPage(call: CallOperation, what: string, work: (keys: readonly string[]) => Promise<void>): Promise<number> {
  let count = 0;
  let cursor: string | null = null;
  let toldAt = performance.now();
  do {
    const page: Static<typeof listEntryKeys.output> = await call(listEntryKeys, { cursor });
    for (let from = 0; from < page.keys.length; from += keysMax) {
      const keys = page.keys.slice(from, from + keysMax);
      await work(keys);
      count += keys.length;
      if (performance.now() - toldAt < tellEveryMs) continue;
      toldAt = performance.now();
      process.stderr.write(`${count} parts ${what} …\n`);
    }
    cursor = page.next;
  } while (cursor !== null);
  return count;
}

async function differencesOf(call: CallOperation, keys: readonly string[]): Promise<readonly Difference[]> {
  let suspects = keys;
  let differences: readonly Difference[] = [];
  for (let look = 0; look < looks && suspects.length > 0; look += 1) {
    if (look > 0) await new Promise((resolve) => setTimeout(resolve, betweenLooksMs));
    ({ differences } = await call(verifyProjection, { keys: [...suspects] }));
    suspects = [...new Set(differences.map(({ key }) => key))];
  }
  return differences;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
