import { describe, expect, it } from "vitest";
import { clientAddress, parseTrustedProxies, type TrustedProxies } from "./trusted-proxies.ts";

const trusting = (text: string): TrustedProxies => parseTrustedProxies(text) as TrustedProxies;

describe("trusted proxies", () => {
  it.each([
    "",
    "yes",
    "TRUE",
    "constructor",
    "0",
    "17",
    "-1",
    "1.5",
    "1,10.0.0.1",
    "true,loopback",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0",
    "010.0.0.1",
    "10.0.0.1:80",
    "proxy.example.com",
    "loopback,",
    "fe80::1%eth0",
    "0.0.0.0/0",
    "::/0",
    "2000::/3",
    "0.0.0.0/1,128.0.0.0/1",
    "::ffff:10.0.0.0/104",
  ])("are rejected as %j", (text) => expect(parseTrustedProxies(text)).toBeUndefined());

  it.each([
    ["false", "10.0.0.1", "198.51.100.7", "10.0.0.1"],
    ["true", "10.0.0.1", undefined, "10.0.0.1"],
    ["true", "10.0.0.1", "203.0.113.1, 198.51.100.7", "198.51.100.7"],
    ["true", "10.0.0.1", "203.0.113.1, 198.51.100.7:4711", "198.51.100.7"],
    ["true", "10.0.0.1", "203.0.113.1, unknown", null],
    ["true", "10.0.0.1", "", null],
    ["2", "10.0.0.1", "203.0.113.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"],
    ["2", "10.0.0.1", "198.51.100.7", "198.51.100.7"],
    ["10.0.0.0/8", "10.0.0.1", "203.0.113.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"],
    ["10.0.0.0/8", "::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"],
    ["10.0.0.0/8", "192.0.2.1", "198.51.100.7", "192.0.2.1"],
    ["10.0.0.0/8", "10.0.0.1", "<script>, 10.0.0.2", null],
    ["10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["loopback, 192.0.2.1", "::1", "198.51.100.7, 192.0.2.1", "198.51.100.7"],
    ["uniquelocal", "fd00::1", "2001:db8::7", "2001:db8::7"],
    ["linklocal", "fe80::1%eth0", "2001:db8::7", "2001:db8::7"],
    ["2001:db8:f::/48", "2001:db8:f::1", "198.51.100.7", "198.51.100.7"],
  ])("%s: a connection from %s for %j is %s", (text, peer, forwardedFor, address) =>
    expect(clientAddress(peer, forwardedFor, trusting(text))).toBe(address),
  );
});
