import { describe, expect, it } from "vitest";
import { parseAddress } from "./address.ts";
import { canonicalNetwork, networkList } from "./networks.ts";

describe("a network", () => {
  it.each([
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["192.0.2.1", "192.0.2.1/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["2001:DB8:0::/32", "2001:db8::/32"],
    ["::1", "::1/128"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::ffff:192.0.2.1", "192.0.2.1/32"],
  ])("%s is written %s", (text, canonical) => {
    expect(canonicalNetwork(text)).toBe(canonical);
    expect(canonicalNetwork(canonical)).toBe(canonical);
  });

  it.each([
    "",
    "garbage",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0.0/",
    "10.1",
    "0x0a000001",
    "010.0.0.1",
    "::1/129",
    "fe80::1%eth0",
    "::ffff:10.0.0.0/8",
    " 10.0.0.0/8",
  ])("is not %j", (text) => {
    expect(canonicalNetwork(text)).toBeUndefined();
    expect(() => networkList([text])).toThrow("is not a network");
  });

  it.each(["10.1.2.3/8", "2001:db8::1/32"])("is not %s, which has bits beyond its prefix", (text) => {
    expect(canonicalNetwork(text)).toBeUndefined();
  });
});

describe("an allow-list", () => {
  const list = networkList(["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"]);

  it("has the addresses of its networks, an IPv4 address also as IPv6 carries it", () => {
    for (const address of ["10.9.8.7", "192.0.2.1", "2001:db8:1::5", "::ffff:10.1.2.3"]) {
      expect(list(parseAddress(address)), address).toBe(true);
    }
    expect(list("::ffff:10.1.2.3")).toBe(true);
  });

  it("has no other address, no text that is none, and none that is not known", () => {
    for (const address of ["11.0.0.1", "192.0.2.2", "2001:db9::1", "::1", "garbage", "", null])
      expect(list(address), `${address}`).toBe(false);
  });

  it("without networks has no address", () => {
    expect(networkList([])("10.0.0.1")).toBe(false);
  });
});
