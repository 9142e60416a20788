import { expect, it } from "vitest";
import { parseRedisAddress } from "./address.ts";

it("a Redis address with one server is parsed, also with TLS", () => {
  expect(parseRedisAddress("redis://:secret@cache:6380/2")).toEqual({ form: "single", url: "redis://:secret@cache:6380/2", tls: false });
  expect(parseRedisAddress("rediss://cache")).toMatchObject({ form: "single", tls: true });
});

it("a Redis address with sentinels and their master's name is parsed", () => {
  expect(parseRedisAddress("rediss+sentinel://app:s%40cret@one:26380,[::1]/main?db=3")).toEqual({
    form: "sentinel",
    master: "main",
    db: 3,
    tls: true,
    username: "app",
    password: "s@cret",
    nodes: [
      { host: "one", port: 26_380 },
      { host: "::1", port: 26_379 },
    ],
  });
});

it("a Redis address of a cluster is parsed", () => {
  expect(parseRedisAddress("redis+cluster://one,two:7000")).toMatchObject({
    form: "cluster",
    nodes: [
      { host: "one", port: 6_379 },
      { host: "two", port: 7_000 },
    ],
  });
});

it.each([
  "",
  "cache",
  "http://cache",
  "redis://",
  "redis://cache/name",
  "redis+sentinel://one",
  "redis+cluster://one/main",
  "redis+cluster://one,:",
])("the Redis address %j is rejected", (text) => expect(parseRedisAddress(text)).toBeUndefined());
