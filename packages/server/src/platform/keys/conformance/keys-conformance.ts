import { describe, expect, it } from "vitest";
import type { Keys } from "../keys.ts";

/** What stands before the encrypted bytes, and these. */
function halves(ciphertext: string): readonly [string, Buffer] {
  const body = ciphertext.slice(ciphertext.lastIndexOf(".") + 1);
  return [ciphertext.slice(0, ciphertext.length - body.length), Buffer.from(body, "base64url")];
}

/** What every keys adapter promises. `make` gives the same keys each time, `others` such of another installation. */
export function keysConformance(name: string, make: () => Keys, others: () => Keys): void {
  describe(`keys: ${name}`, () => {
    const keys = make();
    const texts = ["", "a", "a secret", "“ünïcode” \u{1F511}\u0000", JSON.stringify({ token: "x" }), "x".repeat(100_000)];

    it.each(texts.map((text) => [text.slice(0, 20), text] as const))("decrypts what it has encrypted, as it was: %j", (_shown, text) => {
      expect(keys.decrypt(keys.encrypt(text, "contract"), "contract")).toBe(text);
    });

    it("decrypts what was encrypted before a restart", () => {
      expect(make().decrypt(keys.encrypt("kept", "contract"), "contract")).toBe("kept");
    });

    it("shows nothing of the text, not even that two are the same", () => {
      const [one, other] = [keys.encrypt("the same secret", "contract"), keys.encrypt("the same secret", "contract")];
      expect(one).not.toBe(other);
      for (const ciphertext of [one, other]) {
        expect(ciphertext).not.toContain("secret");
        expect(ciphertext).not.toContain(Buffer.from("the same secret").toString("base64url"));
      }
    });

    it("refuses what was encrypted for another purpose", () => {
      const ciphertext = keys.encrypt("a secret", "cursor organizations");
      for (const purpose of ["cursor", "cursor organizations ", "Cursor organizations", "", "idempotent answer"]) {
        expect(() => keys.decrypt(ciphertext, purpose)).toThrow();
      }
      expect(keys.decrypt(ciphertext, "cursor organizations")).toBe("a secret");
    });

    it("refuses what another installation has sealed", () => {
      expect(() => keys.decrypt(others().encrypt("a secret", "contract"), "contract")).toThrow();
    });

    it("refuses what was changed, in whichever place and by whichever bit", () => {
      const ciphertext = keys.encrypt("a secret of some length", "contract");
      const [prefix, bytes] = halves(ciphertext);
      for (let place = 0; place < bytes.length; place += 1) {
        for (let bit = 0; bit < 8; bit += 1) {
          const changed = Buffer.from(bytes);
          changed[place] = (changed[place] as number) ^ (1 << bit);
          expect(() => keys.decrypt(`${prefix}${changed.toString("base64url")}`, "contract")).toThrow();
        }
      }
    });

    it("refuses what was cut short, also to a shorter seal", () => {
      const ciphertext = keys.encrypt("a secret", "contract");
      for (let length = 0; length < ciphertext.length; length += 1)
        expect(() => keys.decrypt(ciphertext.slice(0, length), "contract")).toThrow();
      const [prefix, bytes] = halves(keys.encrypt("", "contract"));
      for (let length = 0; length < bytes.length; length += 1) {
        expect(() => keys.decrypt(`${prefix}${bytes.subarray(0, length).toString("base64url")}`, "contract")).toThrow();
      }
    });

    it.each<[string, (ciphertext: string) => string]>([
      ["something after it", (ciphertext) => `${ciphertext}x`],
      ["a further part", (ciphertext) => `${ciphertext}.x`],
      ["an empty further part", (ciphertext) => `${ciphertext}.`],
      ["padding", (ciphertext) => `${ciphertext}=`],
      ["a space after it", (ciphertext) => `${ciphertext} `],
      ["a line break in it", (ciphertext) => `${ciphertext.slice(0, 20)}\n${ciphertext.slice(20)}`],
      ["a space before it", (ciphertext) => ` ${ciphertext}`],
      ["a character that base64 does not have", (ciphertext) => `${ciphertext.slice(0, 20)}!${ciphertext.slice(20)}`],
      ["the other alphabet of base64", (ciphertext) => ciphertext.replaceAll("-", "+").replaceAll("_", "/")],
      ["the name of the format before", (ciphertext) => `g1.${ciphertext.slice(ciphertext.lastIndexOf(".") + 1)}`],
      ["another key's name", (ciphertext) => ciphertext.replace(/\.[^.]+\./, ".AAAAAAAA.")],
      ["another format's name", (ciphertext) => ciphertext.replace(/^[^.]+/, "g0")],
      ["a format's name in capitals", (ciphertext) => ciphertext.replace(/^[^.]+/, (format) => format.toUpperCase())],
      ["no format's name", (ciphertext) => ciphertext.replace(/^[^.]+\./, "")],
    ])("refuses an encrypted value written in another way: with %s", (_what, change) => {
      // Of many, so that one of them has the characters that the alphabets differ in.
      const others = Array.from({ length: 50 }, (_, index) => keys.encrypt(`a secret ${index}`, "contract")).filter(
        (ciphertext) => change(ciphertext) !== ciphertext,
      );
      expect(others.length).toBeGreaterThan(0);
      for (const ciphertext of others) expect(() => keys.decrypt(change(ciphertext), "contract")).toThrow();
    });

    it.each(["", ".", "..", "g1", "g1.", "plain text", "null", "g1.AAAA"])("refuses what was never encrypted: %j", (text) => {
      expect(() => keys.decrypt(text, "contract")).toThrow();
    });
  });
}
