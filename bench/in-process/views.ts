/**
 * node --expose-gc in-process/views.ts DATABASE_URL DATA_FOLDER USERS
 *
 * The heap of a process for each user that it decides about. Prints `result <json>`.
 */
import { fill, questionsAbout, sizeOf } from "./population.ts";
import { openProduct } from "./product.ts";

export interface ViewsResult {
  /** Cached views, and bytes of the heap after garbage collection. */
  readonly points: readonly { readonly views: number; readonly heapBytes: number }[];
}

const [databaseUrl = "", dataFolder = "", count = ""] = process.argv.slice(2);
const size = sizeOf(Number(count));
const garbage = globalThis.gc as () => void;

const first = await openProduct(databaseUrl, dataFolder);
await first.startWorker();
await first.settled();
await first.stop();
await fill(databaseUrl, size);
const product = await openProduct(databaseUrl, dataFolder);
const points: { views: number; heapBytes: number }[] = [];
const questions = questionsAbout(size, size.users, size.users);
const ask = async (from: number, to: number): Promise<void> => {
  for (const { userId, organizationId, action, allowed } of questions.slice(from, to)) {
    const answer = await product.reader.decide(userId, organizationId, action);
    if (answer.decision.allowed !== allowed)
      throw new Error(`${action} of user ${userId} was ${answer.decision.allowed ? "allowed" : "denied"}`);
  }
  garbage();
  garbage();
  points.push({ views: to, heapBytes: process.memoryUsage().heapUsed });
};
// Everything else is equal between the two: the code is compiled, the policy and the roles are cached.
await ask(0, size.users / 10);
await ask(size.users / 10, size.users);
console.log(`result ${JSON.stringify({ points } satisfies ViewsResult)}`);
await product.stop();
process.exit(0);
