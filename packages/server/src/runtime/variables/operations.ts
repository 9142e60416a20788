import { integer, oneOf, text, url } from "./forms.ts";
import type { Variable } from "./variable.ts";

/** What is kept for how long, and what operators see. */
export const operationVariables: readonly Variable[] = [
  {
    name: "GATEHOUSE_DECISION_DAYS",
    fallback: 30,
    meaning: "how long decided questions are kept for previews of policy changes; 0 keeps none",
    ...integer(0, 400),
  },
  {
    name: "GATEHOUSE_AUDIT_DAYS",
    fallback: 730,
    meaning: "how long audit records are kept; 0 keeps all (two years: an auditor asks about the last full one)",
    ...integer(0, 36_500),
  },
  {
    name: "GATEHOUSE_API_KEY_USAGE_DAYS",
    fallback: 90,
    meaning: "how long the usage of API keys is kept, and keys that were revoked or have expired; 0 keeps all",
    ...integer(0, 36_500),
  },
  {
    name: "GATEHOUSE_EVENT_DAYS",
    fallback: 90,
    meaning: "how long events that every reader has passed are kept in the log (S0, event persistence); 0 keeps all",
    ...integer(0, 36_500),
  },
  {
    name: "GATEHOUSE_AUDIT_FORWARD",
    needs: { variable: "EVENTS_URL" },
    fallback: "off",
    meaning: "on hands each audit record on as the event audit-log.requested.v1, for an audit log management behind the broker",
    ...oneOf("on", "off"),
  },
  {
    name: "GATEHOUSE_SIGN_IN_LIMIT",
    fallback: "on",
    meaning:
      "off lifts limits that are counted by address, on attempts to sign in and on mails, for measuring on loopback; limits of a principal or a credential stay",
    ...oneOf("on", "off"),
  },
  {
    name: "OPERATIONS_PORT",
    fallback: undefined,
    fallbackText: "none: /metrics on the HTTP server, for callers on this machine",
    meaning: "a port of its own for health and metrics",
    ...integer(1, 65_535),
  },
  {
    name: "LOG_LEVEL",
    fallback: "info",
    meaning: "the least level that is logged",
    ...oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
  },
  { name: "GATEHOUSE_ENVIRONMENT", fallback: "development", meaning: "the environment's name in logs", ...text("a name") },
  {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    fallback: undefined,
    fallbackText: "none",
    meaning: "where traces are sent, by OTLP over HTTP; without it none are made",
    ...url("http", "https"),
  },
  {
    name: "OTEL_TRACES_SAMPLER_ARG",
    needs: { variable: "OTEL_EXPORTER_OTLP_ENDPOINT" },
    fallback: 1,
    meaning: "which part of the traces that begin here is recorded; of others the one before decides",
    takes: "a number from 0 to 1",
    parse: (value) => (/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/.test(value) ? Number(value) : undefined),
  },
];
