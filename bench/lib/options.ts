/** The command line and the environment of the bench, validated before anything is started. */
export interface Options {
  names: string[];
  check: boolean;
  list: boolean;
  /** Runs the benchmarks of the capacity page, and writes the page. */
  capacity: boolean;
  /** Only writes the capacity page, from existing results. */
  page: boolean;
  /** Length of one repetition under load. */
  seconds: number;
  repetitions: number;
  /** Over how many fresh pairs of processes the repetitions are spread. */
  processes: number;
}

export class UsageError extends Error {}

const known = ["--check", "--list", "--capacity", "--page"];

export function readOptions(args: string[], env: NodeJS.ProcessEnv): Options {
  const flags = args.filter((arg) => arg.startsWith("-"));
  const unknown = flags.filter((flag) => !known.includes(flag));
  if (unknown.length > 0) throw new UsageError(`Unknown option ${unknown.join(", ")}. Takes [NAME ...] [${known.join("] [")}].`);
  const names = args.filter((arg) => !arg.startsWith("-"));
  const [capacity, page] = [flags.includes("--capacity"), flags.includes("--page")];
  if ((capacity || page) && names.length > 0)
    throw new UsageError("--capacity and --page select their benchmarks themselves; pass no names.");
  return {
    names,
    check: flags.includes("--check"),
    list: flags.includes("--list"),
    capacity,
    page,
    // 4 s: long enough that a garbage collection is an average and not an event, short enough to alternate often.
    seconds: wholeNumber(env, "BENCH_SECONDS", 4, 1, 60),
    // Fewer than five repetitions say nothing about the spread.
    repetitions: wholeNumber(env, "BENCH_REPETITIONS", 5, 5, 50),
    processes: wholeNumber(env, "BENCH_PROCESSES", 3, 1, 20),
  };
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string, normal: number, min: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === "") return normal;
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${name} got "${text}"; it takes a whole number from ${min} to ${max}.`);
}
