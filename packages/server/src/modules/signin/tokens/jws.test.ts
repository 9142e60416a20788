/** Attacks 1 to 4 and 7 of docs/security/attacks.md, on the verifier itself. */
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { compactVerify, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { signCompact, type VerificationKey, verifyCompact, verifyJwt } from "./jws.ts";
import { type Algorithm, algorithms } from "./model.ts";

const pairs: Readonly<Record<Algorithm, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  RS256: generateKeyPairSync("rsa", { modulusLength: 2_048 }),
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: generateKeyPairSync("ed25519"),
};
const id = "0198c0de-0000-7000-8000-000000000000";
const keyOf =
  (algorithm: Algorithm) =>
  (keyId: string): VerificationKey | undefined =>
    keyId === id ? { algorithm, key: pairs[algorithm].publicKey } : undefined;
const signed = (algorithm: Algorithm, payload: object = { a: 1 }): string =>
  signCompact({ id, algorithm, key: pairs[algorithm].privateKey }, "at+jwt", payload);
const encoded = (value: unknown): string => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

describe.each(algorithms)("%s", (algorithm) => {
  it("is verified by another library, and the other way round", async () => {
    const { payload } = await compactVerify(signed(algorithm, { name: "Trần Thị Lan" }), pairs[algorithm].publicKey);
    expect(JSON.parse(Buffer.from(payload).toString("utf8"))).toEqual({ name: "Trần Thị Lan" });
    const theirs = await new SignJWT({ a: 2 })
      .setProtectedHeader({ alg: algorithm, typ: "at+jwt", kid: id })
      .sign(pairs[algorithm].privateKey);
    expect(verifyJwt(theirs, keyOf(algorithm))).toEqual({ keyId: id, type: "at+jwt", claims: { a: 2 } });
  });

  it("is refused after any change of any character", () => {
    const token = signed(algorithm);
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(..."Aa0-_.=+/ \n"), (at, character) => {
        fc.pre(token[at] !== character);
        expect(verifyCompact(`${token.slice(0, at)}${character}${token.slice(at + 1)}`, keyOf(algorithm))).toBeUndefined();
      }),
      { numRuns: 300 },
    );
    for (const other of [`${token}=`, ` ${token}`, `${token}.`, token.slice(0, -1), `${token}\n`, token.replace(".", "..")]) {
      expect(verifyCompact(other, keyOf(algorithm)), other).toBeUndefined();
    }
  });

  it("is refused without a signature, and by any other algorithm in the header", () => {
    const [, payload, signature] = signed(algorithm).split(".") as [string, string, string];
    for (const alg of ["none", "None", "NONE", "nOnE", "", "HS256", "RS512", "PS256", "ES384", null, 256]) {
      const header = encoded({ alg, typ: "at+jwt", kid: id });
      for (const last of ["", signature])
        expect(verifyCompact(`${header}.${payload}.${last}`, keyOf(algorithm)), String(alg)).toBeUndefined();
    }
  });

  it("is refused as HS256 with the public key as the secret, in each of its forms", () => {
    const { publicKey } = pairs[algorithm];
    const secrets = [
      publicKey.export({ type: "spki", format: "pem" }),
      publicKey.export({ type: "spki", format: "der" }),
      JSON.stringify(publicKey.export({ format: "jwk" })),
    ];
    const input = `${encoded({ alg: "HS256", typ: "at+jwt", kid: id })}.${encoded({ a: 1 })}`;
    for (const secret of secrets) {
      const forged = `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
      expect(verifyCompact(forged, keyOf(algorithm))).toBeUndefined();
    }
  });
});

it.each([
  ["jku", { jku: "http://127.0.0.1:1/keys" }],
  ["x5u", { x5u: "http://127.0.0.1:1/cert" }],
  ["jwk", { jwk: createPublicKey(pairs.ES256.privateKey).export({ format: "jwk" }) }],
  ["crit", { crit: ["b64"], b64: false }],
  ["b64", { b64: false }],
  ["another parameter", { cty: "JWT" }],
])("a header with %s is refused, although the signature is valid", (_name, parameters) => {
  const input = `${encoded({ alg: "ES256", typ: "at+jwt", kid: id, ...parameters })}.${encoded({ a: 1 })}`;
  const signature = sign("sha256", Buffer.from(input), { key: pairs.ES256.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
  expect(verifyCompact(`${input}.${signature}`, keyOf("ES256"))).toBeUndefined();
});

it.each([
  ["a path", "../../../../etc/passwd"],
  ["a quote", "' or 1=1 --"],
  ["64 KB", "x".repeat(65_536)],
  ["a prototype's name", "__proto__"],
  ["a number", 7],
  ["nothing", undefined],
])("a key id that is %s is refused", (_what, kid) => {
  const token = `${encoded({ alg: "ES256", typ: "at+jwt", kid })}.${encoded({ a: 1 })}.${"A".repeat(86)}`;
  expect(verifyCompact(token, keyOf("ES256"))).toBeUndefined();
});

it("no text makes the verifier throw", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (...parts) => {
      for (const token of [parts.join("."), parts.map(encoded).join(".")]) expect(verifyJwt(token, keyOf("RS256"))).toBeUndefined();
    }),
  );
});
