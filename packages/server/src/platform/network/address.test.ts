import { describe, expect, it } from "vitest";
import { clientNetwork, parseAddress, siteNetwork } from "./address.ts";

describe("an IP address", () => {
  it.each([
    ["198.51.100.7", "198.51.100.7"],
    [" 198.51.100.7 ", "198.51.100.7"],
    ["198.51.100.7:4711", "198.51.100.7"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["[2001:db8::1]:4711", "2001:db8::1"],
    ['"[2001:db8::1]:4711"', "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["[fe80::1%eth0]:80", "fe80::1"],
    ["::ffff:198.51.100.7", "198.51.100.7"],
    ["::FFFF:c633:6407", "198.51.100.7"],
    ["[::ffff:198.51.100.7]:4711", "198.51.100.7"],
    ["0:0:0:0:0:ffff:198.51.100.7", "198.51.100.7"],
    ["64:ff9b::198.51.100.7", "198.51.100.7"],
    ["::198.51.100.7", "::c633:6407"],
    ["::1", "::1"],
    ["::", "::"],
  ])("%j is parsed as %j", (text, address) => expect(parseAddress(text)).toBe(address));

  it.each([
    "",
    "unknown",
    "_hidden",
    "example.com",
    "<script>alert(1)</script>",
    "x".repeat(3_000),
    "1".repeat(3_000),
    "198.51.100.7, 198.51.100.8",
    "198.51.100.256",
    "198.51.100.07",
    "198.51.100",
    "0x7f.1",
    "198.51.100.7:port",
    "198.51.100.7:123456",
    "2001:db8::1::2",
    "[2001:db8::1",
    "[198.51.100.7]",
    "198.51.100.7/24",
    undefined,
    null,
  ])("%j is rejected", (text) => expect(parseAddress(text)).toBeNull());

  it("in IPv6 belongs to the network of its /64, and to the site of its /48", () => {
    expect(clientNetwork("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
    expect(clientNetwork("2001:db8::6")).toBe("2001:db8:0:0::/64");
    expect(siteNetwork("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1::/48");
    expect(clientNetwork("198.51.100.7")).toBe("198.51.100.7");
    expect(siteNetwork("198.51.100.7")).toBeUndefined();
  });
});
