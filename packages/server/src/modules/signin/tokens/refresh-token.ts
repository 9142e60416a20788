import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { refreshTokenPrefix } from "./model.ts";

/**
 * A refresh token has 32 bytes: the id of its chain (12), its generation (4), and a MAC of the generation under the secret of the chain
 * (16). So every token of a chain is recognized, also one that was replaced long ago, by one row for each session.
 */
export interface RefreshTokenParts {
  readonly chainId: string;
  readonly generation: number;
  readonly mac: Buffer;
}

const idBytes = 12;
const generationBytes = 4;
const macBytes = 16;
const form = new RegExp(`^${refreshTokenPrefix}[\\w-]{43}$`);

export const newChain = (): { readonly id: string; readonly secret: string } => ({
  id: randomBytes(idBytes).toString("base64url"),
  secret: randomBytes(32).toString("base64url"),
});

export const refreshChainPurpose = (id: string): string => `refresh chain ${id}`;

/** The refresh token of a generation. */
export function refreshTokenOf(chainId: string, secret: string, generation: number): string {
  const bytes = Buffer.concat([Buffer.from(chainId, "base64url"), encodedGeneration(generation), macOf(chainId, secret, generation)]);
  return refreshTokenPrefix + bytes.toString("base64url");
}

/** The parts of a text in the form of a refresh token; undefined for any other. Nothing is verified. */
export function partsOf(token: string): RefreshTokenParts | undefined {
  if (!form.test(token)) return undefined;
  const encoded = token.slice(refreshTokenPrefix.length);
  const bytes = Buffer.from(encoded, "base64url");
  // The last character has two unused bits: only one spelling of a token is accepted.
  if (bytes.toString("base64url") !== encoded) return undefined;
  return {
    chainId: bytes.subarray(0, idBytes).toString("base64url"),
    generation: bytes.readUInt32BE(idBytes),
    mac: bytes.subarray(idBytes + generationBytes),
  };
}

/** Whether the token is one of the chain with this secret, of whichever generation. */
export const isOfChain = ({ chainId, generation, mac }: RefreshTokenParts, secret: string): boolean =>
  timingSafeEqual(mac, macOf(chainId, secret, generation));

const macOf = (chainId: string, secret: string, generation: number): Buffer =>
  createHmac("sha256", Buffer.from(secret, "base64url"))
    .update(Buffer.from(chainId, "base64url"))
    .update(encodedGeneration(generation))
    .digest()
    .subarray(0, macBytes);

function encodedGeneration(generation: number): Buffer {
  const bytes = Buffer.alloc(generationBytes);
  bytes.writeUInt32BE(generation);
  return bytes;
}
