import type { HttpRequest } from "./http.ts";
import { autocannonGenerator } from "./load-autocannon.ts";
import { wrkGenerator } from "./load-wrk.ts";

export interface LoadOrder {
  url: string;
  /** Sent one after the other, over and over. */
  requests: HttpRequest[];
  connections: number;
  seconds: number;
}

export interface LoadResult {
  requests: number;
  seconds: number;
  /** Bytes received, headers included. */
  bytes: number;
  /** Answers without a success status. */
  badStatus: number;
  /** Connections that failed, broke or timed out. */
  socketErrors: number;
  latencyMs: { p50: number; p95: number; p99: number };
  /** Share of one core that the generator itself used; near 1 it was the limit, not the server. */
  generatorCpu: number | null;
}

export interface LoadGenerator {
  name: string;
  version: string;
  warning?: string;
  run(order: LoadOrder): Promise<LoadResult>;
}

/** wrk is written in C and needs a fraction of a core; autocannon runs everywhere, and costs as much as a server. */
export async function chooseLoadGenerator(): Promise<LoadGenerator> {
  return (await wrkGenerator()) ?? autocannonGenerator();
}
