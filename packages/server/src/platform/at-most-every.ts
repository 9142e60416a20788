/** Calls `work` at once, and again after the pause where it was asked for meanwhile: however often, once a pause. */
export function atMostEvery(pauseMs: number, work: () => void): () => void {
  let resting = false;
  let askedAgain = false;
  const run = (): void => {
    if (resting) {
      askedAgain = true;
      return;
    }
    resting = true;
    work();
    setTimeout(() => {
      resting = false;
      if (!askedAgain) return;
      askedAgain = false;
      run();
    }, pauseMs).unref();
  };
  return run;
}
