import { describe, expect, it } from "vitest";
import type { Keys } from "../keys.ts";

/** The prefix and the encrypted bytes of a value. */
function halves(ciphertext: string): readonly [string, Buffer] {
  const body = ciphertext.slice(ciphertext.lastIndexOf(".") + 1);
  return [ciphertext.slice(0, ciphertext.length - body.length), Buffer.from(body, "base64url")];
}

/** The contract of the keys port, for every adapter. `make` returns the same keys each time, `others` those of another installation. */
export function keysConformance(name: string, make: () => Keys, others: () => Keys): void {
  describe(`keys: ${name}`, () => {
    const keys = make();
    const texts = ["", "a", "a secret", "“ünïcode” \u{1F511}\u0000", JSON.stringify({ token: "x" }), "x".repeat(100_000)];

    it.each(texts.map((text) => [text.slice(0, 20), text] as const))("decrypts its own values: %j", (_shown, text) => {
      expect(keys.decrypt(keys.encrypt(text, "contract"), "contract")).toBe(text);
    });

    it("decrypts values from before a restart", () => {
      expect(make().decrypt(keys.encrypt("kept", "contract"), "contract")).toBe("kept");
    });

    it("reveals nothing of the text, not even that two are equal", () => {
      const [one, other] = [keys.encrypt("the same secret", "contract"), keys.encrypt("the same secret", "contract")];
      expect(one).not.toBe(other);
      for (const ciphertext of [one, other]) {
        expect(ciphertext).not.toContain("secret");
        expect(ciphertext).not.toContain(Buffer.from("the same secret").toString("base64url"));
      }
    });

    it("rejects a value for another purpose", () => {
      const ciphertext = keys.encrypt("a secret", "cursor organizations");
      for (const purpose of ["cursor", "cursor organizations ", "Cursor organizations", "", "idempotent answer"]) {
        expect(() => keys.decrypt(ciphertext, purpose)).toThrow();
      }
      expect(keys.decrypt(ciphertext, "cursor organizations")).toBe("a secret");
    });

    it("rejects a value of another installation", () => {
      expect(() => keys.decrypt(others().encrypt("a secret", "contract"), "contract")).toThrow();
    });

    it("rejects a value with any changed bit", () => {
      const ciphertext = keys.encrypt("a secret of some length", "contract");
      const [prefix, bytes] = halves(ciphertext);
      for (let index = 0; index < bytes.length; index += 1) {
        for (let bit = 0; bit < 8; bit += 1) {
          const changed = Buffer.from(bytes);
          changed[index] = (changed[index] as number) ^ (1 << bit);
          expect(() => keys.decrypt(`${prefix}${changed.toString("base64url")}`, "contract")).toThrow();
        }
      }
    });

    it("rejects a truncated value, also with a shorter tag", () => {
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
      ["another segment", (ciphertext) => `${ciphertext}.x`],
      ["an empty further segment", (ciphertext) => `${ciphertext}.`],
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
    ])("rejects an encrypted value in another notation: with %s", (_what, change) => {
      // Uses many values, so that one has the characters in which the alphabets differ.
      const others = Array.from({ length: 50 }, (_, index) => keys.encrypt(`a secret ${index}`, "contract")).filter(
        (ciphertext) => change(ciphertext) !== ciphertext,
      );
      expect(others.length).toBeGreaterThan(0);
      for (const ciphertext of others) expect(() => keys.decrypt(change(ciphertext), "contract")).toThrow();
    });

    it.each(["", ".", "..", "g1", "g1.", "plain text", "null", "g1.AAAA"])("rejects a text that is not an encrypted value: %j", (text) => {
      expect(() => keys.decrypt(text, "contract")).toThrow();
    });
  });
}
