import { type Child, removeNow } from "./child.ts";
import { eventually } from "./until.ts";

/** A service of our own: it can be taken away from the product in each of the ways in which services go away. */
export interface Service {
  readonly name: string;
  readonly url: string;
  /** Stops it in order, as an operator does, and resolves when it is gone. What it has kept stays. */
  stop(): Promise<void>;
  /** Starts it again at the same address, on what it has kept, and resolves when it answers. */
  start(): Promise<void>;
  /** Ends it without a word (`kill -9`). */
  kill(): Promise<void>;
  /** It holds its connections and says nothing. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes what it has kept. */
  close(): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  readonly url: string;
  readonly folder: string;
  readonly run: () => Child;
  readonly answers: () => Promise<void>;
  /** What asks it to end in order. */
  readonly stopSignal?: NodeJS.Signals;
}

/** A broker on Erlang takes ten seconds on a busy machine. */
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
