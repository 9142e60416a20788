import { integer, oneOf, text, url } from "./forms.ts";
import type { Variable } from "./variable.ts";

/** Retention, and observability. */
export const operationVariables: readonly Variable[] = [
  {
    name: "GATEHOUSE_DECISION_DAYS",
    fallback: 30,
    meaning: "how long decisions are stored for previews of policy changes; 0 stores none",
    ...integer(0, 400),
  },
  {
    name: "GATEHOUSE_AUDIT_DAYS",
    fallback: 730,
    meaning: "how long audit records are retained; 0 retains all (two years, because an audit covers the last full year)",
    ...integer(0, 36_500),
  },
  {
    name: "GATEHOUSE_API_KEY_USAGE_DAYS",
    fallback: 90,
    meaning: "how long the usage of API keys, and revoked or expired keys, are kept; 0 keeps all",
    ...integer(0, 36_500),
  },
  {
    name: "GATEHOUSE_EVENT_DAYS",
    fallback: 90,
    meaning: "how long events that every reader has passed are retained in the log; 0 retains all",
    ...integer(0, 36_500),
  },
  {
    name: "GATEHOUSE_AUDIT_FORWARD",
    needs: { variable: "EVENTS_URL" },
    fallback: "off",
    meaning: "on publishes each audit record as the event audit-log.requested.v1, for an audit log service behind the broker",
    ...oneOf("on", "off"),
  },
  {
    name: "GATEHOUSE_SIGN_IN_LIMIT",
    fallback: "on",
    meaning:
      "off lifts the limits by address, on sign-in attempts and on mails, for measurements on loopback; limits by principal or credential stay",
    ...oneOf("on", "off"),
  },
  {
    name: "OPERATIONS_PORT",
    fallback: undefined,
    fallbackText: "none: /metrics on the HTTP server, for callers on this machine",
    meaning: "a separate port for health and metrics",
    ...integer(1, 65_535),
  },
  {
    name: "LOG_LEVEL",
    fallback: "info",
    meaning: "the lowest level that is logged",
    ...oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
  },
  { name: "GATEHOUSE_ENVIRONMENT", fallback: "development", meaning: "the environment's name in logs", ...text("a name") },
  {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    fallback: undefined,
    fallbackText: "none",
    meaning: "where traces are sent, by OTLP over HTTP; without it tracing is off",
    ...url("http", "https"),
  },
  {
    name: "OTEL_TRACES_SAMPLER_ARG",
    needs: { variable: "OTEL_EXPORTER_OTLP_ENDPOINT" },
    fallback: 1,
    meaning: "share of the traces that begin here to record; for others the caller decides",
    takes: "a number from 0 to 1",
    parse: (value) => (/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/.test(value) ? Number(value) : undefined),
  },
];
