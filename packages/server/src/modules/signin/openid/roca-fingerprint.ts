const smallPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/**
 * Whether an RSA modulus was made by the library whose keys can be factored (ROCA, CVE-2017-15361): modulo each of these primes it is a power of
 * 65,537. A sound modulus has this property with a probability below one in a hundred million.
 */
export const hasRocaFingerprint = (modulus: bigint): boolean =>
  smallPrimes.every((prime) => powersOf(65_537 % prime, prime).has(Number(modulus % BigInt(prime))));

function powersOf(base: number, prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * base) % prime) powers.add(power);
  return powers;
}
