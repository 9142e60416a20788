import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aesKeys } from "./aes.ts";
import { keysConformance } from "./conformance/keys-conformance.ts";
import { decodeMasterKey, masterKeyFromFile } from "./file.ts";

const master = randomBytes(32);
keysConformance(
  "AES-256-GCM under a master key",
  () => aesKeys(master),
  () => aesKeys(randomBytes(32)),
);

it.each([0, 16, 31, 33, 64])("a master key of %i bytes is refused", (length) => {
  expect(() => aesKeys(randomBytes(length))).toThrow(`32 bytes, not ${length}`);
});

describe("several master keys", () => {
  const [before, now] = [randomBytes(32), randomBytes(32)];

  it("decrypt what each of them has encrypted; the first one encrypts", () => {
    const ring = aesKeys(now, [before]);
    expect(ring.decrypt(aesKeys(before).encrypt("then", "contract"), "contract")).toBe("then");
    expect(ring.encryptedBy(ring.encrypt("now", "contract"))).toBe(ring.current);
    expect(ring.names).toEqual([aesKeys(now).current, aesKeys(before).current]);
    expect(() => aesKeys(before).decrypt(ring.encrypt("now", "contract"), "contract")).toThrow(ring.current);
  });

  it("decrypt what was encrypted before values named their key, by whichever of them", () => {
    const key = Buffer.from(hkdfSync("sha256", before, "gatehouse", "contract", 32));
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const body = Buffer.concat([cipher.update("long ago", "utf8"), cipher.final()]);
    const ciphertext = `g1.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url")}`;
    expect(aesKeys(now, [before]).decrypt(ciphertext, "contract")).toBe("long ago");
    expect(aesKeys(now, [before]).encryptedBy(ciphertext)).toBe("unnamed");
    expect(() => aesKeys(now).decrypt(ciphertext, "contract")).toThrow();
    expect(() => aesKeys(now, [before]).decrypt(ciphertext, "another purpose")).toThrow();
  });
});

describe("the master key in the data directory", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gatehouse-keys-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is made at the first start, for its owner's eyes only, and is the same at the next", () => {
    const made = masterKeyFromFile(folder);
    expect(made).toHaveLength(32);
    expect(statSync(join(folder, "master.key")).mode & 0o777).toBe(0o600);
    expect(masterKeyFromFile(folder).equals(made)).toBe(true);
    expect(decodeMasterKey(readFileSync(join(folder, "master.key"), "utf8").trim(), "the file").equals(made)).toBe(true);
  });

  it("is made where the data directory does not exist yet", () => {
    const made = masterKeyFromFile(join(folder, "data", "deeper"));
    expect(masterKeyFromFile(join(folder, "data", "deeper")).equals(made)).toBe(true);
    expect(statSync(join(folder, "data", "deeper")).mode & 0o777).toBe(0o700);
  });

  it("is another for every installation, and for memory is kept unknownId", () => {
    const other = mkdtempSync(join(tmpdir(), "gatehouse-keys-"));
    expect(masterKeyFromFile(folder).equals(masterKeyFromFile(other))).toBe(false);
    rmSync(other, { recursive: true });
    expect(masterKeyFromFile("memory").equals(masterKeyFromFile("memory"))).toBe(false);
  });

  it("is never replaced: a file that holds none is refused by name and left as it is", () => {
    for (const content of ["", "not a key", randomBytes(16).toString("base64")]) {
      writeFileSync(join(folder, "master.key"), content);
      chmodSync(join(folder, "master.key"), 0o600);
      expect(() => masterKeyFromFile(folder)).toThrow(`${join(folder, "master.key")} does not hold a master key`);
      expect(readFileSync(join(folder, "master.key"), "utf8")).toBe(content);
    }
  });

  it("does not show the key in the error that refuses it", () => {
    const wrong = randomBytes(31).toString("base64");
    expect(() => decodeMasterKey(wrong, "GATEHOUSE_MASTER_KEY")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(wrong) }),
    );
    expect(() => decodeMasterKey(wrong, "GATEHOUSE_MASTER_KEY")).toThrow("GATEHOUSE_MASTER_KEY");
  });
});
