import { createPublicKey } from "node:crypto";
import type { VerificationKey } from "./jws.ts";
import { type Algorithm, algorithms } from "./model.ts";

/** RSA keys below 2,048 bits are refused (RFC 7518 §3.3), and exponents below 65,537 (FIPS 186-5 §5.4). */
const modulusBitsMin = 2_048;
const exponentMin = 65_537n;

const curves: Readonly<Record<string, string>> = { ES256: "P-256", EdDSA: "Ed25519" };

/**
 * The key of a public JSON Web Key (RFC 7517) of another party; undefined where it is not for signatures of a supported algorithm, or is weak. The
 * algorithm must be in the key: a signature cannot choose it.
 */
export function verificationKeyOf(jwk: Readonly<Record<string, unknown>>): VerificationKey | undefined {
  const { alg, use = "sig", key_ops: operations = ["verify"], crv } = jwk;
  const algorithm = algorithms.find((supported) => supported === alg);
  if (algorithm === undefined || use !== "sig" || !Array.isArray(operations) || !operations.includes("verify")) return undefined;
  if (curves[algorithm] !== crv) return undefined;
  try {
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const isExpected = key.asymmetricKeyType === keyTypes[algorithm];
    return isExpected && (algorithm !== "RS256" || isStrong(key.asymmetricKeyDetails, jwk["n"])) ? { algorithm, key } : undefined;
  } catch {
    // Members are missing, or the point is not on the curve.
    return undefined;
  }
}

const keyTypes: Readonly<Record<Algorithm, string>> = { RS256: "rsa", ES256: "ec", EdDSA: "ed25519" };

function isStrong(details: { modulusLength?: number; publicExponent?: bigint } | undefined, modulus: unknown): boolean {
  const { modulusLength = 0, publicExponent = 0n } = details ?? {};
  if (modulusLength < modulusBitsMin || publicExponent < exponentMin || typeof modulus !== "string") return false;
  return !hasRocaFingerprint(BigInt(`0x${Buffer.from(modulus, "base64url").toString("hex")}`));
}

const smallPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/**
 * Whether a modulus was made by the library whose keys can be factored (CVE-2017-15361): modulo each of these primes it is a power of 65,537. A
 * sound key has this property with a probability below one in a hundred million.
 */
const hasRocaFingerprint = (modulus: bigint): boolean =>
  smallPrimes.every((prime) => powersOf(65_537 % prime, prime).has(Number(modulus % BigInt(prime))));

function powersOf(base: number, prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * base) % prime) powers.add(power);
  return powers;
}
