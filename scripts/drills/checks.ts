import { setTimeout as sleep } from "node:timers/promises";

/** Twenty a second: enough for a percentile of a minute, too few to be a load. */
const everyMs = 50;

export interface CheckFigures {
  /** How long each answer took. */
  readonly ms: number[];
  readonly refused: number;
}

/** Asks at a steady rate while `work` runs. */
export async function watchChecks(ask: () => Promise<Response>, work: () => Promise<void>): Promise<CheckFigures> {
  const ms: number[] = [];
  let refused = 0;
  let isOver = false;
  const underWay = new Set<Promise<void>>();
  const one = async (): Promise<void> => {
    const began = performance.now();
    const status = await ask().then(
      async (answer) => {
        await answer.text();
        return answer.status;
      },
      () => 0,
    );
    ms.push(performance.now() - began);
    if (status !== 200) refused += 1;
  };
  const asking = (async () => {
    while (!isOver) {
      const call = one().finally(() => underWay.delete(call));
      underWay.add(call);
      await sleep(everyMs);
    }
  })();
  try {
    await work();
  } finally {
    isOver = true;
    await asking;
    await Promise.all(underWay);
  }
  return { ms, refused };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))] ?? Number.NaN);
}
