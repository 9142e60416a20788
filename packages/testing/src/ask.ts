import { setTimeout as pause } from "node:timers/promises";
import type { Operation } from "../../server/src/operation/declaration/operation.ts";
import type { Answer, AnyBody, TestServer } from "./server.ts";

/** A request as a test writes it down: everything beside the operation. */
export interface Sample {
  readonly token?: string | undefined;
  /** The fields of the address, of the query and of the body together, as the operation's input has them. */
  readonly input: Readonly<Record<string, unknown>>;
}

export const hasRoute = (operation: Operation): operation is Operation & { readonly http: string } => operation.http !== undefined;

/** Every operation that has a route. */
export const routesOf = (server: TestServer): (Operation & { readonly http: string })[] =>
  server.application.kernel.catalogue.operations.filter(hasRoute);

/** Sends `sample` to the operation's route: each field where it belongs. */
export function ask(
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

/** Calls as clients do: 503 says "try again", as where a busy machine has no permit in time, or decides later than the bound. */
export async function untilAvailable<Body>(call: () => Promise<Answer<Body>>): Promise<Answer<Body>> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const answer = await call();
    if (answer.status !== 503 || performance.now() > deadline) return answer;
    await pause(100);
  }
}

export async function expectOk(answer: Promise<Answer<AnyBody>>): Promise<AnyBody> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`expected success, got ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** What no answer shows: where in our code it went wrong, or what the database said. */
const innards =
  /\n\s+at |node_modules|\.ts:\d|at (async )?\w+\.\w+ \(|duplicate key|violates|syntax error at|invalid input syntax|value too long/;

/** What is wrong with an answer as an answer of this product, or undefined. */
export function issueOf(answer: Answer<AnyBody>): string | undefined {
  const text = JSON.stringify(answer.body) ?? "";
  if (answer.status >= 500 && answer.body?.error?.code !== "common.revision_not_reached") return `status ${answer.status}`;
  if (answer.status >= 300 && answer.status < 400) return `status ${answer.status}`;
  if (answer.headers["x-request-id"] === undefined) return "no x-request-id";
  if (answer.status < 400) return undefined;
  if (innards.test(text)) return `shows its inside: ${text}`;
  const { success, error } = answer.body ?? {};
  const whole =
    success === false &&
    typeof error?.code === "string" &&
    typeof error.message === "string" &&
    Array.isArray(error.details) &&
    typeof error.traceId === "string" &&
    typeof error.docs === "string";
  return whole ? undefined : `no error envelope: ${text}`;
}

/** Runs `work` over `items`, at most `width` at a time. */
export async function inLanes<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item, lane: number) => Promise<void>,
): Promise<void> {
  const left = items.entries();
  await Promise.all(
    Array.from({ length: width }, async (_, lane) => {
      for (const [, item] of left) await work(item, lane);
    }),
  );
}

export const times = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
