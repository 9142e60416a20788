import { PGlite } from "@electric-sql/pglite";
import fc from "fast-check";
import { expect, it } from "vitest";
import { parseAddress, parseNetwork } from "../condition/network.ts";
import { addressPattern, boundsOf, cidrsOf } from "./address.ts";

const seed = 20_261_120;
const pattern = new RegExp(`^${addressPattern}$`);

/** Texts of an address's pieces, about a quarter of them addresses. */
const ipv4 = fc
  .tuple(
    ...Array.from({ length: 4 }, () =>
      fc.oneof({ weight: 9, arbitrary: fc.nat(255).map(String) }, fc.constantFrom("256", "01", "", "1e1")),
    ),
  )
  .map((parts) => parts.join("."));
const group = fc.oneof(
  { weight: 12, arbitrary: fc.nat(0xffff).map((number) => number.toString(16)) },
  fc.constantFrom("0000", "00Ab", "", "12345", "g"),
);
const groups = fc.oneof(fc.array(group, { maxLength: 8 }), fc.array(group, { minLength: 6, maxLength: 7 })).map((parts) => parts.join(":"));
const ipv6 = fc.oneof(
  fc.array(group, { minLength: 8, maxLength: 8 }).map((parts) => parts.join(":")),
  fc.tuple(groups, groups).map(([left, right]) => `${left}::${right}`),
  fc.tuple(groups, fc.constantFrom(":", "::"), ipv4).map((parts) => parts.join("")),
  fc.tuple(groups, groups, ipv4).map(([left, right, tail]) => `${left}::${right}:${tail}`),
);
const address = fc.oneof(ipv4, ipv6, fc.string());

it("the address pattern accepts what parseAddress accepts", () => {
  let taken = 0;
  fc.assert(
    fc.property(address, (text) => {
      const isAddress = parseAddress(text) !== undefined;
      if (isAddress) taken++;
      expect(pattern.test(text)).toBe(isAddress);
    }),
    { numRuns: 20_000, seed },
  );
  expect(taken).toBeGreaterThan(2_000);
});

it("PostgreSQL reads every address of the pattern, and its regular expressions match the same", async () => {
  const texts = fc.sample(address, { numRuns: 5_000, seed }).filter((text) => !text.includes("\0") && text.isWellFormed());
  const database = await PGlite.create();
  const { rows } = await database.query<{ text: string; inet: string | null }>(
    "select text, case when text ~ $2 then host(text::inet) end as inet from unnest($1::text[]) text",
    [texts, `^${addressPattern}$`],
  );
  await database.close();
  expect(rows).toHaveLength(texts.length);
  for (const { text, inet } of rows) expect(inet === null ? undefined : parseAddress(inet), text).toEqual(parseAddress(text));
});

it.each([
  ["10.1.2.3/8", ["0:0:0:0:0:ffff:a01:203/104", "10.1.2.3/8"]],
  ["::/0", ["0:0:0:0:0:0:0:0/0", "0.0.0.0/0"]],
  ["2001:db8::/32", ["2001:db8:0:0:0:0:0:0/32"]],
])("%s is converted for software without mapped addresses", (text, cidrs) => {
  const network = parseNetwork(text);
  expect(network && cidrsOf(network)).toEqual(cidrs);
});

it("a network has a first and a last address", () => {
  const network = parseNetwork("10.1.2.3/8");
  expect(network && boundsOf(network)).toEqual(["00000000000000000000ffff0a000000", "00000000000000000000ffff0affffff"]);
});
