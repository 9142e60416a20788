/**
 * node in-process/growth.ts SECONDS REPETITIONS DATA_FOLDER USERS=URL ...
 *
 * The process of the growth benchmark: fills a database for each size, decides over a working set of the same size in all of them, in
 * turn, and prints `result <json>`. Lines that start with `say` are progress.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { busyCores } from "../lib/quiet.ts";
import { median } from "../lib/statistics.ts";
import { fill, type Question, questionsAbout, type Size, sizeOf } from "./population.ts";
import { openProduct, type Product, type Reader } from "./product.ts";

export interface GrowthResult {
  readonly sizes: readonly Size[];
  /** Nanoseconds of a warm decision by size, of each repetition. */
  readonly repetitions: { readonly nanoseconds: number[]; readonly busyBefore: number | null }[];
  /** Median milliseconds of a decision without cached entries, by size. */
  readonly coldMs: number[];
  /** Timed decisions that had to wait because the caches were not trusted for a moment. */
  readonly waited: number;
}

const questionCount = 32_768;
const coldQuestions = 300;
const sliceMs = 50;

const [seconds = "", repetitions = "", dataFolder = "", ...databases] = process.argv.slice(2);
const sides = databases.map((each) => {
  const [users = "", url = ""] = [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)];
  return { size: sizeOf(Number(users)), url };
});
/** The number of users of the smallest size, so that all sizes have the same working set. */
const people = Math.min(...sides.map(({ size }) => size.users));
const say = (line: string) => console.log(`say ${line}`);

class Runner {
  readonly #reader: Reader;
  readonly #questions: readonly Question[];
  #at = 0;
  #answered = 0;
  #elapsedMs = 0;
  waited = 0;

  constructor(reader: Reader, questions: readonly Question[]) {
    this.#reader = reader;
    this.#questions = questions;
  }

  /** Runs one decision after the other, and compares each answer. */
  async askAll(): Promise<number[]> {
    const times: number[] = [];
    for (const question of this.#questions) {
      const start = performance.now();
      const { decision } = await this.#reader.decide(question.userId, question.organizationId, question.action);
      times.push(performance.now() - start);
      expect(question, decision.allowed);
    }
    return times;
  }

  async slice(): Promise<void> {
    const start = performance.now();
    let now = start;
    while (now - start < sliceMs) {
      const to = Math.min(this.#at + 256, this.#questions.length);
      for (let index = this.#at; index < to; index += 1) {
        const question = this.#questions[index] as Question;
        const decided = this.#reader.decide(question.userId, question.organizationId, question.action);
        if (decided instanceof Promise) {
          this.waited += 1;
          expect(question, (await decided).decision.allowed);
        } else if (decided.decision.allowed !== question.allowed) expect(question, decided.decision.allowed);
      }
      this.#answered += to - this.#at;
      this.#at = to === this.#questions.length ? 0 : to;
      now = performance.now();
    }
    this.#elapsedMs += now - start;
    // Yields to the log follower, without which the caches lose their lease.
    await sleep(5);
  }

  takeNanoseconds(): number {
    const nanoseconds = (this.#elapsedMs / this.#answered) * 1e6;
    this.#answered = 0;
    this.#elapsedMs = 0;
    return nanoseconds;
  }
}

function expect({ userId, action, allowed }: Question, answer: boolean): void {
  if (answer !== allowed) throw new Error(`${action} of user ${userId} was ${answer ? "allowed" : "denied"}; right is the opposite`);
}

async function inTurn(runners: readonly Runner[], ms: number): Promise<number[]> {
  for (let spent = 0; spent < ms; spent += sliceMs) for (const runner of runners) await runner.slice();
  return runners.map((runner) => runner.takeNanoseconds());
}

const products: Product[] = [];
const runners: Runner[] = [];
const coldMs: number[] = [];
for (const { size, url } of sides) {
  // The start's writes are projected before the population replaces them.
  const first = await openProduct(url, dataFolder);
  await first.startWorker();
  await first.settled();
  await first.stop();
  const start = performance.now();
  await fill(url, size);
  const product = await openProduct(url, dataFolder);
  products.push(product);
  // Warms up with a few users that are not measured: reads the policy and compiles the code.
  await new Runner(product.reader, questionsAbout(size, 50, 50, 1)).askAll();
  coldMs.push(median(await new Runner(product.reader, questionsAbout(size, coldQuestions, coldQuestions, 2)).askAll()));
  const runner = new Runner(product.reader, questionsAbout(size, people, questionCount));
  await runner.askAll();
  runners.push(runner);
  say(`${size.users.toLocaleString("en-US")} users filled in ${((performance.now() - start) / 1_000).toFixed(1)} s`);
}

const eachMs = Number(seconds) * 1_000;
await inTurn(runners, eachMs);
await inTurn(runners, eachMs);
for (const runner of runners) runner.waited = 0;
const result: GrowthResult = { sizes: sides.map(({ size }) => size), repetitions: [], coldMs, waited: 0 };
for (let repetition = 0; repetition < Number(repetitions); repetition += 1) {
  const busyBefore = await busyCores();
  const nanoseconds = await inTurn(runners, eachMs);
  result.repetitions.push({ nanoseconds, busyBefore });
  say(`${repetition + 1}: ${nanoseconds.map((each) => `${each.toFixed(0)} ns`).join(", ")}`);
}
console.log(`result ${JSON.stringify({ ...result, waited: runners.reduce((sum, { waited }) => sum + waited, 0) })}`);
for (const product of products) await product.stop();
