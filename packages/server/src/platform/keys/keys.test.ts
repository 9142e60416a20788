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

it.each([0, 16, 31, 33, 64])("a master key of %i bytes is rejected", (length) => {
  expect(() => aesKeys(randomBytes(length))).toThrow(`32 bytes, not ${length}`);
});

describe("several master keys", () => {
  const [before, now] = [randomBytes(32), randomBytes(32)];

  it("decrypt values of each of them; the first one encrypts", () => {
    const ring = aesKeys(now, [before]);
    expect(ring.decrypt(aesKeys(before).encrypt("then", "contract"), "contract")).toBe("then");
    expect(ring.encryptedBy(ring.encrypt("now", "contract"))).toBe(ring.current);
    expect(ring.names).toEqual([aesKeys(now).current, aesKeys(before).current]);
    expect(() => aesKeys(before).decrypt(ring.encrypt("now", "contract"), "contract")).toThrow(ring.current);
  });

  it("decrypt values from before values named their key, of each of them", () => {
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

  it("is created at the first start, readable by its owner only, and reused at the next", () => {
    const made = masterKeyFromFile(folder);
    expect(made).toHaveLength(32);
    expect(statSync(join(folder, "master.key")).mode & 0o777).toBe(0o600);
    expect(masterKeyFromFile(folder).equals(made)).toBe(true);
    expect(decodeMasterKey(readFileSync(join(folder, "master.key"), "utf8").trim(), "the file").equals(made)).toBe(true);
  });

  it("is created with the data directory if that does not exist yet", () => {
    const made = masterKeyFromFile(join(folder, "data", "deeper"));
    expect(masterKeyFromFile(join(folder, "data", "deeper")).equals(made)).toBe(true);
    expect(statSync(join(folder, "data", "deeper")).mode & 0o777).toBe(0o700);
  });

  it("is unique per installation, and not stored for in-memory storage", () => {
    const other = mkdtempSync(join(tmpdir(), "gatehouse-keys-"));
    expect(masterKeyFromFile(folder).equals(masterKeyFromFile(other))).toBe(false);
    rmSync(other, { recursive: true });
    expect(masterKeyFromFile("memory").equals(masterKeyFromFile("memory"))).toBe(false);
  });

  it("is never replaced: an invalid file is rejected by name and left unchanged", () => {
    for (const content of ["", "not a key", randomBytes(16).toString("base64")]) {
      writeFileSync(join(folder, "master.key"), content);
      chmodSync(join(folder, "master.key"), 0o600);
      expect(() => masterKeyFromFile(folder)).toThrow(`${join(folder, "master.key")} does not contain a master key`);
      expect(readFileSync(join(folder, "master.key"), "utf8")).toBe(content);
    }
  });

  it("is not in the error message that rejects it", () => {
    const wrong = randomBytes(31).toString("base64");
    expect(() => decodeMasterKey(wrong, "GATEHOUSE_MASTER_KEY")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(wrong) }),
    );
    expect(() => decodeMasterKey(wrong, "GATEHOUSE_MASTER_KEY")).toThrow("GATEHOUSE_MASTER_KEY");
  });
});
