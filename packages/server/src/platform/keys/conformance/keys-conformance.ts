import { describe, expect, it } from "vitest";
import type { Keys } from "../keys.ts";

/** What stands before the sealed bytes, and these. */
function halves(sealed: string): readonly [string, Buffer] {
  const body = sealed.slice(sealed.lastIndexOf(".") + 1);
  return [sealed.slice(0, sealed.length - body.length), Buffer.from(body, "base64url")];
}

/** What every keys adapter promises. `make` gives the same keys each time, `others` such of another installation. */
export function keysConformance(name: string, make: () => Keys, others: () => Keys): void {
  describe(`keys: ${name}`, () => {
    const keys = make();
    const texts = ["", "a", "a secret", "“ünïcode” \u{1F511}\u0000", JSON.stringify({ token: "x" }), "x".repeat(100_000)];

    it.each(texts.map((text) => [text.slice(0, 20), text] as const))("opens what it has sealed, as it was: %j", (_shown, text) => {
      expect(keys.open(keys.seal(text, "contract"), "contract")).toBe(text);
    });

    it("opens what was sealed before a restart", () => {
      expect(make().open(keys.seal("kept", "contract"), "contract")).toBe("kept");
    });

    it("shows nothing of the text, not even that two are the same", () => {
      const [one, other] = [keys.seal("the same secret", "contract"), keys.seal("the same secret", "contract")];
      expect(one).not.toBe(other);
      for (const sealed of [one, other]) {
        expect(sealed).not.toContain("secret");
        expect(sealed).not.toContain(Buffer.from("the same secret").toString("base64url"));
      }
    });

    it("refuses what was sealed for another purpose", () => {
      const sealed = keys.seal("a secret", "cursor organizations");
      for (const purpose of ["cursor", "cursor organizations ", "Cursor organizations", "", "idempotent answer"]) {
        expect(() => keys.open(sealed, purpose)).toThrow();
      }
      expect(keys.open(sealed, "cursor organizations")).toBe("a secret");
    });

    it("refuses what another installation has sealed", () => {
      expect(() => keys.open(others().seal("a secret", "contract"), "contract")).toThrow();
    });

    it("refuses what was changed, in whichever place and by whichever bit", () => {
      const sealed = keys.seal("a secret of some length", "contract");
      const [prefix, bytes] = halves(sealed);
      for (let place = 0; place < bytes.length; place += 1) {
        for (let bit = 0; bit < 8; bit += 1) {
          const changed = Buffer.from(bytes);
          changed[place] = (changed[place] as number) ^ (1 << bit);
          expect(() => keys.open(`${prefix}${changed.toString("base64url")}`, "contract")).toThrow();
        }
      }
    });

    it("refuses what was cut short, also to a shorter seal", () => {
      const sealed = keys.seal("a secret", "contract");
      for (let length = 0; length < sealed.length; length += 1) expect(() => keys.open(sealed.slice(0, length), "contract")).toThrow();
      const [prefix, bytes] = halves(keys.seal("", "contract"));
      for (let length = 0; length < bytes.length; length += 1) {
        expect(() => keys.open(`${prefix}${bytes.subarray(0, length).toString("base64url")}`, "contract")).toThrow();
      }
    });

    it.each<[string, (sealed: string) => string]>([
      ["something after it", (sealed) => `${sealed}x`],
      ["a further part", (sealed) => `${sealed}.x`],
      ["an empty further part", (sealed) => `${sealed}.`],
      ["padding", (sealed) => `${sealed}=`],
      ["a space after it", (sealed) => `${sealed} `],
      ["a line break in it", (sealed) => `${sealed.slice(0, 20)}\n${sealed.slice(20)}`],
      ["a space before it", (sealed) => ` ${sealed}`],
      ["a character that base64 does not have", (sealed) => `${sealed.slice(0, 20)}!${sealed.slice(20)}`],
      ["the other alphabet of base64", (sealed) => sealed.replaceAll("-", "+").replaceAll("_", "/")],
      ["the name of the format before", (sealed) => `g1.${sealed.slice(sealed.lastIndexOf(".") + 1)}`],
      ["another key's name", (sealed) => sealed.replace(/\.[^.]+\./, ".AAAAAAAA.")],
      ["another format's name", (sealed) => sealed.replace(/^[^.]+/, "g0")],
      ["a format's name in capitals", (sealed) => sealed.replace(/^[^.]+/, (format) => format.toUpperCase())],
      ["no format's name", (sealed) => sealed.replace(/^[^.]+\./, "")],
    ])("refuses a sealed value written in another way: with %s", (_what, change) => {
      // Of many, so that one of them has the characters that the alphabets differ in.
      const others = Array.from({ length: 50 }, (_, index) => keys.seal(`a secret ${index}`, "contract")).filter(
        (sealed) => change(sealed) !== sealed,
      );
      expect(others.length).toBeGreaterThan(0);
      for (const sealed of others) expect(() => keys.open(change(sealed), "contract")).toThrow();
    });

    it.each(["", ".", "..", "g1", "g1.", "plain text", "null", "g1.AAAA"])("refuses what was never sealed: %j", (text) => {
      expect(() => keys.open(text, "contract")).toThrow();
    });
  });
}
