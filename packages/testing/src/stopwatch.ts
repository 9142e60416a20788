/**
 * Time limits that hold on a busy machine too. A test that has to bound the time of something compares what that would take on an idle
 * machine: what took three times as long because others had the processors is divided by three.
 */
export interface Stopwatch {
  /** Milliseconds since the start, by how much slower than idle the machine was at the start or is now. */
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

/** Longer than the scheduler leaves one thread running while others wait, so that the waiting shows. */
const sampleMs = 25;

/** How many times longer than its processor time a piece of work takes now: 1 on an idle machine. */
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
