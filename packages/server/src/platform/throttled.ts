/** Calls `work` at once, and once more after the pause if it was called during the pause. */
export function throttled(pauseMs: number, work: () => void): () => void {
  let isPausing = false;
  let isPending = false;
  const run = (): void => {
    if (isPausing) {
      isPending = true;
      return;
    }
    isPausing = true;
    work();
    setTimeout(() => {
      isPausing = false;
      if (!isPending) return;
      isPending = false;
      run();
    }, pauseMs).unref();
  };
  return run;
}
