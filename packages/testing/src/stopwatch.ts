/**
 * Measures time as an idle machine would take it. On a machine that is three times slower because of other processes, the measured
 * time is divided by three, so that time limits hold on a busy machine too.
 */
export interface Stopwatch {
  /** Milliseconds since the start, divided by how much slower than idle the machine was at the start or is now. */
  idleMs(): number;
}

export function startStopwatch(): Stopwatch {
  const slownessAtStart = slowness();
  const startedAt = performance.now();
  return {
    idleMs() {
      const elapsedMs = performance.now() - startedAt;
      return elapsedMs / Math.max(slownessAtStart, slowness());
    },
  };
}

/** Longer than a time slice of the scheduler, so that waiting for a processor is measured. */
const sampleMs = 25;

/** The ratio of elapsed time to processor time of a piece of work: 1 on an idle machine. */
export function slowness(): number {
  const startedAt = performance.now();
  const usedAtStart = process.threadCpuUsage();
  let usedMs = 0;
  while (usedMs < sampleMs) {
    const { user, system } = process.threadCpuUsage(usedAtStart);
    usedMs = (user + system) / 1_000;
  }
  return Math.max(1, (performance.now() - startedAt) / usedMs);
}
