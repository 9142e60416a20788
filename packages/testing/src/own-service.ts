import { type Child, removeNow } from "./child.ts";
import { eventually } from "./until.ts";

/** A service of the test's own, which can stop, crash and freeze. */
export interface Service {
  readonly name: string;
  readonly url: string;
  /** Stops it gracefully, and resolves when it has exited. Its data stays. */
  stop(): Promise<void>;
  /** Starts it again at the same address on the same data, and resolves when it answers. */
  start(): Promise<void>;
  /** Kills it (`kill -9`). */
  kill(): Promise<void>;
  /** Freezes it: connections stay open, and nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** Ends it and deletes its data. */
  close(): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  readonly url: string;
  readonly folder: string;
  readonly run: () => Child;
  readonly answers: () => Promise<void>;
  /** The signal for a graceful stop. */
  readonly stopSignal?: NodeJS.Signals;
}

/** RabbitMQ takes ten seconds to start on a busy machine. */
const answersWithinMs = 60_000;

export async function openService({ name, url, folder, run, answers, stopSignal = "SIGTERM" }: ServiceOptions): Promise<Service> {
  let child: Child | undefined;
  const begin = async (): Promise<void> => {
    const begun = run();
    child = begun;
    await eventually(
      async () => {
        if (!begun.running) throw new Error(`${name} ended:\n${begun.output()}`);
        await answers();
      },
      { withinMs: answersWithinMs, unless: () => !begun.running },
    );
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child?.signal(signal);
    await child?.ended;
  };
  await begin();
  return {
    name,
    url,
    stop: () => end(stopSignal),
    start: begin,
    kill: () => end("SIGKILL"),
    freeze: () => child?.freeze(),
    thaw: () => child?.thaw(),
    async close() {
      child?.thaw();
      await end("SIGKILL");
      removeNow(folder);
    },
  };
}
