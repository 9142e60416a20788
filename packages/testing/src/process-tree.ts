import { readdirSync, readFileSync } from "node:fs";

/** Every descendant of `parent`, from /proc. PostgreSQL's backends are not in its process group. */
export function below(parent: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // The process ended in the meantime.
    }
  }
  const found: number[] = [];
  for (let level = [parent]; level.length > 0; ) {
    level = [...parents].filter(([, above]) => level.includes(above)).map(([pid]) => pid);
    found.push(...level);
  }
  return found;
}

/** A negative number is a process group. A process that has ended already is ignored. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  if (pid === 0) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}
