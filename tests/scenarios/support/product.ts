import { join } from "node:path";
import { type Child, type Ended, start } from "@gatehouse/testing/child.ts";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { eventually } from "@gatehouse/testing/until.ts";
import { everyRole, type Role } from "../../../packages/server/src/runtime/roles.ts";
import { root } from "../../newcomer/process.ts";

/** One process of the product. Its successor has the same port, as behind a Kubernetes service. */
export interface Member {
  readonly role: Role;
  readonly url: string;
  readonly child: Child;
  /** The number of its starts. */
  readonly starts: number;
  /** Restarts after it had ended by itself. */
  readonly falls: readonly string[];
  ready(): Promise<boolean>;
}

export interface Fleet {
  readonly members: readonly Member[];
  of(role: Role): readonly Member[];
  /** Kills a member; its supervisor starts another one. */
  kill(member: Member): Promise<void>;
  /** Terminates a member gracefully, and starts its successor. */
  replace(member: Member): Promise<Ended & { readonly tookMs: number }>;
  /** Resolves when every member is ready. */
  allReady(withinMs?: number): Promise<void>;
  /** Why members ended by themselves. */
  readonly falls: readonly string[];
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** The number of processes of each role. */
  readonly each: number;
  /** The build to run; this one by default. */
  readonly from?: string;
  /** The probe that answers 200 once a member has started; by default readiness. */
  readonly startedBy?: "/health" | "/health/ready";
}

/** A start on a busy machine, with the check of the schema. */
const readyWithinMs = 60_000;
/** The delay of a restart, as of an orchestrator: failed starts must not loop. */
const restartAfterMs = 250;

/** Starts `each` processes of every role in order, and restarts those that end. */
export async function openFleet({ environment, each, from = root, startedBy = "/health/ready" }: FleetOptions): Promise<Fleet> {
  const places: Place[] = [];
  const fleet: Fleet = {
    members: places,
    of: (role) => places.filter((place) => place.role === role),
    kill: (member) => (member as Place).end("SIGKILL").then(() => {}),
    replace: async (member) => {
      const place = member as Place;
      const began = performance.now();
      const ended = await place.end("SIGTERM");
      return { ...ended, tookMs: performance.now() - began };
    },
    allReady: (withinMs = readyWithinMs) =>
      eventually(
        async () => {
          for (const place of places) {
            if (!(await place.answers(startedBy))) throw new Error(`${place.role} at ${place.url} is not ready:\n${place.child.output()}`);
          }
        },
        { withinMs },
      ),
    get falls() {
      return places.flatMap((place) => place.falls);
    },
    close: async () => {
      await Promise.all(places.map((place) => place.close()));
    },
  };
  for (const role of everyRole) {
    for (let index = 0; index < each; index += 1) places.push(new Place(role, await freePort(), environment, from));
    // The next role starts when this one is ready.
    await fleet.allReady();
  }
  return fleet;
}

class Place implements Member {
  readonly role: Role;
  readonly url: string;
  readonly falls: string[] = [];
  starts = 0;
  child: Child;
  readonly #run: () => Child;
  #isStopRequested = false;
  #closed = false;

  constructor(role: Role, port: number, environment: Readonly<Record<string, string>>, from: string) {
    this.role = role;
    this.url = `http://127.0.0.1:${port}`;
    const args = [join(from, "packages/server/bin/gatehouse.js"), "start", "--role", role, "--port", String(port)];
    const all = { PATH: process.env["PATH"], GATEHOUSE_ROLE: role, ...environment };
    this.#run = () => start(process.execPath, args, { cwd: from, env: all });
    this.child = this.#begin();
  }

  ready(): Promise<boolean> {
    return this.answers("/health/ready");
  }

  async answers(probe: string): Promise<boolean> {
    if (!this.child.running) return false;
    return fetch(`${this.url}${probe}`, { signal: AbortSignal.timeout(3_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
  }

  /** Sends the signal and resolves when its successor has started. */
  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.#isStopRequested = true;
    const { child } = this;
    child.signal(signal);
    const ended = await child.ended;
    await eventually(() => (this.child === child ? Promise.reject(new Error("no other one was started")) : undefined), {
      withinMs: readyWithinMs,
      unless: () => this.#closed,
    });
    return ended;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.child.signal("SIGKILL");
    await this.child.ended;
  }

  #begin(): Child {
    this.starts += 1;
    this.#isStopRequested = false;
    const child = this.#run();
    void child.ended.then(({ code, signal }) => {
      if (this.#closed) return;
      if (!this.#isStopRequested) this.falls.push(`${this.role} ended by itself with ${code ?? signal}:\n${child.output().slice(-2_000)}`);
      setTimeout(
        () => {
          if (!this.#closed) this.child = this.#begin();
        },
        this.#isStopRequested ? 0 : restartAfterMs,
      );
    });
    return child;
  }
}
