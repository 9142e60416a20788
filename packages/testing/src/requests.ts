import { setTimeout as pause } from "node:timers/promises";
import type { Operation } from "../../server/src/operation/declaration/operation.ts";
import type { Answer, AnyBody, TestServer } from "./server.ts";

/** A request of an operation. */
export interface Sample {
  readonly token?: string | undefined;
  /** The operation's input: the fields of the path, the query and the body together. */
  readonly input: Readonly<Record<string, unknown>>;
}

export const hasRoute = (operation: Operation): operation is Operation & { readonly http: string } => operation.http !== undefined;

/** Every operation that has a route. */
export const routesOf = (server: TestServer): (Operation & { readonly http: string })[] =>
  server.application.kernel.catalogue.operations.filter(hasRoute);

/** Sends `sample` to the operation's route, each field in the path, the query or the body. */
export function sendRequest(
  server: TestServer,
  operation: Operation,
  sample: Sample,
  headers?: Readonly<Record<string, string>>,
): Promise<Answer<AnyBody>> {
  const { route, body } = requestOf(operation, sample.input);
  return server.call(route, {
    ...(sample.token === undefined ? {} : { token: sample.token }),
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
  });
}

export const parametersOf = (operation: Operation): readonly string[] =>
  [...(operation.http ?? "").matchAll(/:(\w+)/g)].map(([, name]) => name as string);

function requestOf(operation: Operation, input: Sample["input"]): { route: string; body: unknown } {
  const parameters = parametersOf(operation);
  const [method, path] = (operation.http as string).split(" ") as [string, string];
  const url = path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(String(input[name])));
  const rest = Object.entries(input).filter(([name]) => !parameters.includes(name));
  if (method !== "GET")
    return { route: `${method} ${url}`, body: rest.length === 0 && method === "DELETE" ? undefined : Object.fromEntries(rest) };
  const query = new URLSearchParams(Object.fromEntries(rest.map(([name, value]) => [name, String(value)]))).toString();
  return { route: `${method} ${url}${query === "" ? "" : `?${query}`}`, body: undefined };
}

/** Repeats a call that is answered with 503, as clients do. A busy machine answers it when no permit is free in time. */
export async function untilAvailable<Body>(call: () => Promise<Answer<Body>>): Promise<Answer<Body>> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const answer = await call();
    if (answer.status !== 503 || performance.now() > deadline) return answer;
    await pause(100);
  }
}
