import { describe, expect, it } from "vitest";
import { readMessage } from "./read-message.ts";

const event = (data: string, time = "2026-11-27T10:00:00Z") =>
  Buffer.from(`{"specversion":"1.0","id":"1","source":"s","type":"a.b","time":"${time}","data":${data}}`);
const refusedOf = (body: unknown, contentType?: string) => readMessage(() => ({ body, contentType })).refused;
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("a message from a broker", () => {
  it("is read up to the depth limit, and refused with a reason beyond it, as bytes and as a parsed value", () => {
    expect(refusedOf(event(nested(63)))).toBeUndefined();
    const tooDeep = "the message is no CloudEvent 1.0 in JSON: it is nested deeper than 64 levels";
    for (const depth of [64, 4_000, 20_000]) expect(refusedOf(event(nested(depth)))).toBe(tooDeep);
    for (const depth of [65, 4_000]) expect(refusedOf(JSON.parse(nested(depth)))).toBe(tooDeep);
    // Too deep to be serialized again.
    expect(refusedOf(JSON.parse(nested(20_000)))).toContain("the message cannot be read");
    const binary = { specversion: "1.0", id: "1", source: "s", type: "a.b" };
    const { refused } = readMessage(() => ({ body: Buffer.from(nested(65)), contentType: "application/json", attributes: binary }));
    expect(refused).toBe("the data of the event cannot be read: it is nested deeper than 64 levels");
    const inBase64 = { ...binary, data_base64: Buffer.from(nested(65)).toString("base64") };
    expect(readMessage(() => ({ body: Buffer.from(JSON.stringify(inBase64)) })).event?.data).toBeUndefined();
  });

  it("is refused beyond the size limit, and truncated, so that its dead letter can be stored", () => {
    const { text, refused } = readMessage(() => ({ body: event(`"${"x".repeat(600_000)}"`) }));
    expect(refused).toMatch(/^the message has 600\d\d\d bytes; 524288 at most are read$/);
    expect(text.length).toBeLessThan(5_000);
    expect(refusedOf(event(`"${"x".repeat(500_000)}"`))).toBeUndefined();
  });

  it.each([
    ["a NUL", event('"\\u0000"'), "it contains a character that cannot be stored"],
    [
      "a number beyond a double",
      event("1e999"),
      "it contains a number that cannot be stored exactly: beyond 2^53 - 1 or with more digits than a double has; send it as a text",
    ],
    ["a prototype", event('{"__proto__":1}'), "it contains the key of a prototype"],
    ["a year 0", event("1", "0000-01-01T00:00:00Z"), "time is not a time of RFC 3339 that can be held"],
    ["a leap second within a month", event("1", "2026-11-27T23:59:60Z"), "time is not a time of RFC 3339 that can be held"],
  ])("is refused with its reason if it has %s", (_what, body, reason) => {
    expect(refusedOf(body)).toBe(`the message is no CloudEvent 1.0 in JSON: ${reason}`);
  });
});
