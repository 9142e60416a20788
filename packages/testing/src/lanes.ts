/** Runs `work` over `items`, at most `width` at a time. */
export async function inLanes<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item, lane: number) => Promise<void>,
): Promise<void> {
  const left = items.entries();
  await Promise.all(
    Array.from({ length: width }, async (_, lane) => {
      for (const [, item] of left) await work(item, lane);
    }),
  );
}

export const times = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
