import { afterAll, vi } from "vitest";

/** Vitest's set-up of each file: test files share a process, and each leaves it as it was. */
const environment = { ...process.env };

/** What decides how the process ends. Libraries listen once to others, such as `exit`, when they are loaded. */
const guarded = ["SIGINT", "SIGTERM", "SIGHUP", "uncaughtException", "unhandledRejection"] as const;
const countListeners = () => guarded.map((event) => process.listenerCount(event));
const listeners = countListeners();

/** Runs after every hook of the file itself. */
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.resetConfig();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  const counted = countListeners();
  const left = guarded.filter((_, index) => (counted[index] ?? 0) > (listeners[index] ?? 0));
  if (left.length > 0) throw new Error(`the file leaves listeners of the process: ${left.join(", ")}`);
});
