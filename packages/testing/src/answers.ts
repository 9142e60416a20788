import { expect } from "vitest";
import type { Answer, AnyBody } from "./server.ts";

/** An answer is this error, in the one envelope, with the headers of every answer. */
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

/** A write has succeeded: the headers of every answer, and the revision of its transaction. */
export function expectWritten(answer: Answer<AnyBody>, status: number): void {
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  expect(answer.headers["x-request-id"]).toEqual(expect.stringMatching(/^\S+$/));
  expect(answer.headers["x-gatehouse-revision"]).toEqual(expect.stringMatching(/^\d+$/));
  expect(answer.headers["cache-control"]).toBe("no-store");
  if (status === 204) expect(answer.body).toBe("");
}

/** A read has succeeded: the headers of every answer, and no revision. */
export function expectRead(answer: Answer<AnyBody>, status = 200): void {
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  expect(answer.headers["x-request-id"]).toEqual(expect.stringMatching(/^\S+$/));
  expect(answer.headers["x-gatehouse-revision"]).toBeUndefined();
  expect(answer.headers["cache-control"]).toBe("no-store");
}
