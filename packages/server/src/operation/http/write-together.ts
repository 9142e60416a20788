let waiting: (() => void)[] = [];

/**
 * Writes the answers of one turn of the event loop together, when the requests that had arrived by then are read. A
 * write that wakes a sleeping receiver costs several times one that finds it awake, so under load the same answers take
 * half the time; without load nothing waits, because the turn ends at once.
 */
export function writeTogether(write: () => void): void {
  waiting.push(write);
  if (waiting.length === 1) setImmediate(writeAll);
}

function writeAll(): void {
  const ready = waiting;
  waiting = [];
  for (const write of ready) write();
}
