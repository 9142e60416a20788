import { OutcomeUnknown } from "../unavailable.ts";
import { within } from "../waiting.ts";
import { NoResponders } from "./errors.ts";
import type { Handler, Reply, Rpc } from "./rpc.ts";

interface Server {
  readonly subject: string;
  readonly group: string;
  readonly handler: Handler;
  readonly running: Set<Promise<Reply>>;
}

/** Requests as function calls: for several roles in one process, and for tests of users of the port. */
export function inProcessRpc(): Rpc {
  let servers: readonly Server[] = [];
  const listeners = new Map<string, (() => void)[]>();
  let turn = 0;
  return {
    async request(subject, body, { timeoutMs }) {
      const candidates = servers.filter((server) => matches(server.subject, subject));
      turn += 1;
      const server = candidates[turn % candidates.length];
      if (server === undefined) throw new NoResponders(subject);
      // As over a network: neither side sees later changes to the bytes.
      let awaited = true;
      const answer = (async () => server.handler({ subject, body: body.slice(), isAuthentic: true, isAwaited: () => awaited }))();
      server.running.add(answer);
      const done = () => void server.running.delete(answer);
      answer.then(done, done);
      try {
        return await within(timeoutMs, "no answer in time", answer);
      } catch (error) {
        awaited = false;
        throw new OutcomeUnknown(`service behind ${subject}`, error, "timeout");
      }
    },
    async serve(subject, group, handler) {
      const server: Server = { subject, group, handler, running: new Set() };
      servers = [...servers, server];
      return {
        async drain() {
          servers = servers.filter((other) => other !== server);
          await Promise.allSettled(server.running);
        },
      };
    },
    notify(subject) {
      for (const listener of listeners.get(subject) ?? []) queueMicrotask(listener);
    },
    async listen(subject, listener) {
      listeners.set(subject, [...(listeners.get(subject) ?? []), listener]);
    },
    ping: async () => {},
    async close() {
      servers = [];
      listeners.clear();
    },
  };
}

const matches = (pattern: string, subject: string): boolean =>
  pattern.endsWith(".>") ? subject.startsWith(pattern.slice(0, -1)) : pattern === subject;
