import { setTimeout as sleep } from "node:timers/promises";

/** Twenty a second: enough for a percentile of a minute, too few to cause load. */
const everyMs = 50;

export interface CheckFigures {
  /** How long each answer took. */
  readonly ms: number[];
  readonly refused: number;
}

/** Sends checks at a steady rate while `work` runs. */
export async function watchChecks(check: () => Promise<Response>, work: () => Promise<void>): Promise<CheckFigures> {
  const ms: number[] = [];
  let refused = 0;
  let isDone = false;
  const underWay = new Set<Promise<void>>();
  const one = async (): Promise<void> => {
    const began = performance.now();
    const status = await check().then(
      async (answer) => {
        await answer.text();
        return answer.status;
      },
      () => 0,
    );
    ms.push(performance.now() - began);
    if (status !== 200) refused += 1;
  };
  const sending = (async () => {
    while (!isDone) {
      const call = one().finally(() => underWay.delete(call));
      underWay.add(call);
      await sleep(everyMs);
    }
  })();
  try {
    await work();
  } finally {
    isDone = true;
    await sending;
    await Promise.all(underWay);
  }
  return { ms, refused };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))] ?? Number.NaN);
}
