import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { kafkaAddressForm, parseKafkaAddress } from "#platform/kafka/address.ts";
import { masterKeyBytes } from "#platform/keys/aes.ts";

export const text = (takes: string) => ({ takes, parse: (value: string) => value });
export const oneOf = (...values: readonly string[]) => ({
  takes: values.map((value) => `"${value}"`).join(" or "),
  parse: (value: string) => (values.includes(value) ? value : undefined),
});
export const integer = (minimum: number, maximum: number) => ({
  takes: `a whole number from ${minimum} to ${maximum}`,
  parse: (value: string) => (/^\d+$/.test(value) && Number(value) >= minimum && Number(value) <= maximum ? Number(value) : undefined),
});
export const url = (...schemes: readonly string[]) => ({
  takes: `an address that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
  parse: (value: string) => (URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)) ? value : undefined),
});
/** Refuses search_path: each transaction sets its own, so the one in an address would be ignored and the database look empty. */
export const databaseAddress = {
  takes: "an address that begins with postgres:// or postgresql://, without search_path in it (DATABASE_SCHEMA names a schema)",
  parse: (value: string) => {
    const parsed = url("postgres", "postgresql").parse(value);
    return parsed !== undefined && /search_path/.test(decodeURIComponent(new URL(parsed).search)) ? undefined : parsed;
  },
};
export const origin = {
  takes: "an http(s) address without a path, as https://id.example.com",
  parse: (value: string) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    const plain = parsed && /^https?:$/.test(parsed.protocol) && parsed.pathname === "/" && parsed.search === "" && parsed.username === "";
    return plain ? parsed.origin : undefined;
  },
};
export const brokerAddress = {
  takes: `an address that begins with amqp://, amqps://, nats:// or tls:// (NATS), or ${kafkaAddressForm}`,
  parse: (value: string) => {
    if (/^kafkas?:/.test(value)) return parseKafkaAddress(value) && value;
    return /^(amqps?|nats|tls):\/\/[^/\s]+/.test(value) && URL.canParse(value) ? value : undefined;
  },
};
export const certificateFile = {
  takes: "the path of a file with certificates (PEM) that can be read",
  parse: (value: string) => {
    try {
      return new X509Certificate(readFileSync(value)) && value;
    } catch {
      return undefined;
    }
  },
};
export const boolean = {
  takes: '"true" or "false"',
  parse: (value: string) => (value === "true" ? true : value === "false" ? false : undefined),
};
export const absentIn = (release: string) => ({
  takes: `nothing yet: this release runs ${release}`,
  parse: () => undefined,
});

export const isKey = (text: string): boolean => Buffer.from(text, "base64").length === masterKeyBytes;
export const masterKey = {
  takes: `base64 of ${masterKeyBytes} bytes`,
  parse: (value: string) => (isKey(value) ? value : undefined),
};
export const masterKeys = {
  takes: `base64 of ${masterKeyBytes} bytes each, with commas between`,
  parse: (value: string) => {
    const keys = value.split(",").map((key) => key.trim());
    return keys.every(isKey) ? keys : undefined;
  },
};

export const minute = 60;
export const hour = 60 * minute;
export const day = 24 * hour;
