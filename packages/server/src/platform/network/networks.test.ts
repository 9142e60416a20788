import { describe, expect, it } from "vitest";
import { parseAddress } from "./address.ts";
import { canonicalNetwork, networkList } from "./networks.ts";

describe("the canonical form of a network", () => {
  it.each([
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["192.0.2.1", "192.0.2.1/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["2001:DB8:0::/32", "2001:db8::/32"],
    ["::1", "::1/128"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::ffff:192.0.2.1", "192.0.2.1/32"],
  ])("the canonical form of %s is %s", (text, canonical) => {
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
  ])("%j is not a network", (text) => {
    expect(canonicalNetwork(text)).toBeUndefined();
    expect(() => networkList([text])).toThrow("is not a network");
  });

  it.each(["10.1.2.3/8", "2001:db8::1/32"])("%s is not a network, because it has bits beyond its prefix", (text) => {
    expect(canonicalNetwork(text)).toBeUndefined();
  });
});

describe("an allow-list", () => {
  const list = networkList(["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"]);

  it("an allow-list contains the addresses of its networks, an IPv4 address also mapped into IPv6", () => {
    for (const address of ["10.9.8.7", "192.0.2.1", "2001:db8:1::5", "::ffff:10.1.2.3"]) {
      expect(list(parseAddress(address)), address).toBe(true);
    }
    expect(list("::ffff:10.1.2.3")).toBe(true);
  });

  it("an allow-list contains no other, malformed or unknown address", () => {
    for (const address of ["11.0.0.1", "192.0.2.2", "2001:db9::1", "::1", "garbage", "", null])
      expect(list(address), `${address}`).toBe(false);
  });

  it("an allow-list without networks contains no address", () => {
    expect(networkList([])("10.0.0.1")).toBe(false);
  });
});
