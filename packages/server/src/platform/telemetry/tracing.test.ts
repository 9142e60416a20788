import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.ts";
import { extract, noTracer } from "./tracing.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

describe("extract", () => {
  it("parses a traceparent, also of a later version", () => {
    expect(extract(`00-${traceId}-${spanId}-01`)).toEqual({ traceId, spanId, flags: 1 });
    expect(extract(`01-${traceId}-${spanId}-00-more`)).toEqual({ traceId, spanId, flags: 0 });
  });

  it.each([
    ["nothing", undefined],
    ["an empty one", ""],
    ["version ff", `ff-${traceId}-${spanId}-01`],
    ["a trace of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
    ["a span of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["capitals", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["something behind it", `00-${traceId}-${spanId}-01x`],
    ["a new line", `00-${traceId}-${spanId}-01\n`],
  ])("rejects %s", (_what, given) => {
    expect(extract(given)).toBeUndefined();
  });
});

describe("a tracer without a receiver", () => {
  it("only runs the work", () => {
    const result = {};
    expect(noTracer.span("work", {}, () => result)).toBe(result);
    expect(noTracer.inject()).toBeUndefined();
    expect(noTracer.current).toBeUndefined();
  });
});

describe("a log line", () => {
  it("has the ids of its span, whatever trace id is in its fields", () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const logger = createLogger({ level: "info", version: "1", environment: "test", trace: () => ({ traceId, spanId }), destination });
    logger.info({ traceId: "another" }, "one");
    expect(JSON.parse(lines[0] as string)).toMatchObject({ traceId, spanId, message: "one" });
  });
});
