import { readdirSync, readFileSync } from "node:fs";

/**
 * Processor time and memory of a process and everything below it, from /proc. Elsewhere than on Linux there is none:
 * processor shares are then left out, and the memory benchmark reports that it cannot run.
 */

interface Entry {
  pid: number;
  parent: number;
  cpuSeconds: number;
}

/** Linux counts processor time for user space in hundredths of a second, whatever the kernel's own tick is. */
const ticksPerSecond = 100;

export function cpuSeconds(pid: number): number | null {
  const entries = family(pid);
  return entries.length === 0 ? null : entries.reduce((sum, entry) => sum + entry.cpuSeconds, 0);
}

export function residentBytes(pid: number): number {
  const entries = family(pid);
  if (entries.length === 0) throw new Error("memory is read from /proc, which this system does not have");
  return entries.reduce((sum, entry) => sum + residentOf(entry.pid), 0);
}

function family(pid: number): Entry[] {
  const all = everyProcess();
  const members = all.filter((entry) => entry.pid === pid);
  for (const member of members) {
    // `members` grows while it is walked: children are appended, and visited in their turn.
    members.push(...all.filter((entry) => entry.parent === member.pid));
  }
  return members;
}

function everyProcess(): Entry[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.filter((name) => /^\d+$/.test(name)).flatMap((name) => read(Number(name)));
}

function read(pid: number): Entry[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // proc(5): the second field is the name in parentheses, which may contain spaces; the rest are numbers.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const time = Number(fields[11]) + Number(fields[12]);
    return [{ pid, parent: Number(fields[1]), cpuSeconds: time / ticksPerSecond }];
  } catch {
    // It ended between the listing and the reading.
    return [];
  }
}

function residentOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return line ? Number(line[1]) * 1024 : 0;
}
