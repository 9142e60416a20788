import { expect } from "vitest";
import type { Answer, AnyBody } from "./server.ts";

/**
 * Expects success, or exactly `status`, and returns the body. For the steps that lead to what a test is about; the assertions
 * below check the headers too.
 */
export async function expectOk(answer: Promise<Answer<AnyBody>>, status?: number): Promise<AnyBody> {
  const { status: given, body } = await answer;
  if (status === undefined ? given >= 300 : given !== status)
    throw new Error(`expected ${status ?? "success"}, got ${given}: ${JSON.stringify(body)}`);
  return body;
}

/** Expects this error in the error envelope, with the headers of every answer. */
export function expectError(answer: Answer<AnyBody>, status: number, code: string, field?: string): void {
  expect({ status: answer.status, code: answer.body?.error?.code }, JSON.stringify(answer.body)).toEqual({ status, code });
  expect(answer.body).toEqual({
    success: false,
    error: {
      code,
      message: expect.stringMatching(/\S/),
      details: expect.any(Array),
      traceId: expect.stringMatching(/^\S+$/),
      docs: expect.stringMatching(new RegExp(`^http.*/errors/${code.replace(".", "\\.")}$`)),
    },
  });
  expect(answer.headers["x-request-id"]).toEqual(expect.stringMatching(/^\S+$/));
  expect(answer.headers["cache-control"]).toBe("no-store");
  expect(answer.headers["x-gatehouse-revision"]).toBeUndefined();
  if (field !== undefined) expect(answer.body.error.details.map((detail: AnyBody) => detail.field)).toContain(field);
}

/** Expects a successful write: the headers of every answer, and the revision of its transaction. */
export function expectWritten(answer: Answer<AnyBody>, status: number): void {
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  expect(answer.headers["x-request-id"]).toEqual(expect.stringMatching(/^\S+$/));
  expect(answer.headers["x-gatehouse-revision"]).toEqual(expect.stringMatching(/^\d+$/));
  expect(answer.headers["cache-control"]).toBe("no-store");
  if (status === 204) expect(answer.body).toBe("");
}

/** Expects a successful read: the headers of every answer, and no revision. */
export function expectRead(answer: Answer<AnyBody>, status = 200): void {
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  expect(answer.headers["x-request-id"]).toEqual(expect.stringMatching(/^\S+$/));
  expect(answer.headers["x-gatehouse-revision"]).toBeUndefined();
  expect(answer.headers["cache-control"]).toBe("no-store");
}

/** Stack traces, source files and messages of the database, which no answer may contain. */
const internals =
  /\n\s+at |node_modules|\.ts:\d|at (async )?\w+\.\w+ \(|duplicate key|violates|syntax error at|invalid input syntax|value too long/;

/** Why an answer breaks the rules that hold for every answer, or undefined. */
export function issueOf(answer: Answer<AnyBody>): string | undefined {
  const text = JSON.stringify(answer.body) ?? "";
  if (answer.status >= 500 && answer.body?.error?.code !== "common.revision_not_reached") return `status ${answer.status}`;
  if (answer.status >= 300 && answer.status < 400) return `status ${answer.status}`;
  if (answer.headers["x-request-id"] === undefined) return "no x-request-id";
  if (answer.status < 400) return undefined;
  if (internals.test(text)) return `shows internals: ${text}`;
  const { success, error } = answer.body ?? {};
  const isEnvelope =
    success === false &&
    typeof error?.code === "string" &&
    typeof error.message === "string" &&
    Array.isArray(error.details) &&
    typeof error.traceId === "string" &&
    typeof error.docs === "string";
  return isEnvelope ? undefined : `no error envelope: ${text}`;
}
