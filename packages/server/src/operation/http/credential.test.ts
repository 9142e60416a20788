import type { FastifyRequest } from "fastify";
import { describe, expect, it } from "vitest";
import { credentialOf } from "./credential.ts";

const credential = (headers: Readonly<Record<string, string>>) =>
  credentialOf({ headers } as unknown as FastifyRequest, "http://127.0.0.1:8080", "GET");

describe("the credential of a request", () => {
  it("the token of either header precedes the cookie", () => {
    const expected = { token: "ghk_1", from: "header" };
    expect(credential({ authorization: "Bearer ghk_1" })).toEqual(expected);
    expect(credential({ "x-api-key": "ghk_1" })).toEqual(expected);
    expect(credential({ "x-api-key": "ghk_1", cookie: "gh_session=ghs_2" })).toEqual(expected);
    expect(credential({ "x-api-key": "ghk_1", authorization: "Bearer ghk_1" })).toEqual(expected);
    expect(credential({ cookie: "gh_session=ghs_2" })).toEqual({ token: "ghs_2", from: "cookie" });
    expect(credential({})).toBeUndefined();
  });

  it("an empty token, which is refused, replaces two different ones and an empty header", () => {
    const refused = { token: "", from: "header" };
    expect(credential({ "x-api-key": "ghk_1", authorization: "Bearer ghk_2" })).toEqual(refused);
    expect(credential({ "x-api-key": "ghk_1", authorization: "Basic abc" })).toEqual(refused);
    expect(credential({ "x-api-key": "" })).toEqual(refused);
  });
});
