/** Attacks 1, 2 and 7 of docs/security/attacks.md, by the test vectors of Project Wycheproof. */
import { createPublicKey, type JsonWebKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import { type PublicKey, PublicKeySet, publicKeyIssue } from "../../packages/server/src/modules/signin/openid/public-keys.ts";
import { type VerificationKey, verifyCompact } from "../../packages/server/src/modules/signin/tokens/jws.ts";
import { algorithms } from "../../packages/server/src/modules/signin/tokens/model.ts";
import { closed } from "../../packages/server/src/operation/declaration/schema.ts";

type Jwk = Readonly<Record<string, unknown>>;
interface Group {
  readonly comment: string;
  readonly public?: Jwk & { readonly keys?: readonly Jwk[] };
  readonly private?: Jwk & { readonly keys?: readonly Jwk[] };
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws: unknown;
    readonly result: "valid" | "invalid";
  }[];
}

const folder = join(process.env["GATEHOUSE_VECTORS"] ?? "../shared/vectors", "wycheproof");
const isThere = existsSync(folder);
if (!isThere) console.warn(`skipped: Wycheproof: ${folder} is not there; GATEHOUSE_VECTORS names the folder with the test material`);

const groupsOf = (file: string): readonly Group[] =>
  isThere ? JSON.parse(readFileSync(join(folder, `${file}.json`), "utf8")).testGroups : [];

/** The keys by the id of a header. Two keys with one id are ambiguous: none of them is used. */
function keysOf({ public: publicKey, private: secretKey }: Group): (keyId: string) => VerificationKey | undefined {
  const given = publicKey ?? secretKey ?? {};
  const jwks = given.keys ?? [given];
  return (keyId) => {
    const named = jwks.filter(({ kid }) => kid === undefined || kid === keyId);
    return named.length === 1 ? registered(named[0] as Jwk) : undefined;
  };
}

const keySet = closed(PublicKeySet);

/** The key as a client may register it, with its own algorithm. */
function registered(jwk: Jwk): VerificationKey | undefined {
  const algorithm = algorithms.find((supported) => supported === jwk["alg"]);
  if (algorithm === undefined || !Value.Check(keySet, { keys: [jwk] }) || publicKeyIssue(jwk as PublicKey) !== undefined) return undefined;
  return { algorithm, key: createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }) };
}

/** Valid signatures that are refused: the algorithm is not supported. */
const stricter: Readonly<Record<string, (group: Group) => boolean>> = {
  "symmetric keys are not supported": ({ public: publicKey }) => publicKey === undefined,
  "RS384, RS512, PS256, PS384, PS512 and ES512 are not supported": ({ public: key }) =>
    ["RS384", "RS512", "PS256", "PS384", "PS512", "ES512", "ES521"].includes(String(key?.["alg"] ?? key?.keys?.[0]?.["alg"])),
};

describe.runIf(isThere)("Wycheproof", () => {
  it.each([
    [
      "json_web_signature_test",
      10,
      { "RS384, RS512, PS256, PS384, PS512 and ES512 are not supported": 26, "symmetric keys are not supported": 10 },
    ],
    ["json_web_key_test", 1, { "symmetric keys are not supported": 4 }],
  ])("%s: every invalid signature is refused, and %d supported ones are verified", (file, supported, known) => {
    const differences: Record<string, number> = {};
    let verified = 0;
    for (const group of groupsOf(file)) {
      for (const { tcId, comment, jws, result } of group.tests) {
        const content = typeof jws === "string" ? verifyCompact(jws, keysOf(group)) : undefined;
        if (result === "invalid") expect(content, `${tcId} ${group.comment} ${comment}`).toBeUndefined();
        else if (content !== undefined) verified += 1;
        else {
          const reason = Object.entries(stricter).find(([, applies]) => applies(group))?.[0] ?? `${tcId} ${group.comment} ${comment}`;
          differences[reason] = (differences[reason] ?? 0) + 1;
        }
      }
    }
    expect({ verified, differences }).toEqual({ verified: supported, differences: known });
  });
});
