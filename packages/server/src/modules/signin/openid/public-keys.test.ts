import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { clientFields } from "@gatehouse/testing/clients.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";

type Fields = Readonly<Record<string, unknown>>;

const world = World.ofSuite();

const register = (keys: readonly Fields[], more: Fields = {}): Promise<Answer<AnyBody>> =>
  world.server.call("POST /api/v1/clients", {
    token: world.owner.token,
    body: clientFields({
      organizationId: world.organization.id,
      tokenEndpointAuthMethod: "private_key_jwt",
      ...(keys.length === 0 ? {} : { jwks: { keys } }),
      ...more,
    }),
  });

const jwk = (pair: { publicKey: { export(options: { format: "jwk" }): JsonWebKey } }): Fields => ({
  ...(pair.publicKey.export({ format: "jwk" }) as Fields),
});
const rsa = (modulusLength: number, publicExponent = 65_537) => generateKeyPairSync("rsa", { modulusLength, publicExponent });
const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });

const strong = jwk(rsa(2_048));
const p256 = jwk(ec("P-256"));
const ed25519 = jwk(generateKeyPairSync("ed25519"));

describe("the keys of a client", () => {
  it("are stored as they were sent, and the client has no secret", async () => {
    const keys = [
      { ...strong, kid: "rsa", alg: "PS256", use: "sig" },
      { ...p256, kid: "p-256", alg: "ES256", key_ops: ["verify"] },
      { ...jwk(ec("P-384")), kid: "p-384" },
      { ...jwk(ec("P-521")), kid: "p-521", alg: "ES512" },
      { ...ed25519, kid: "ed25519", alg: "EdDSA" },
    ];
    const answer = await register(keys);
    expectWritten(answer, 201);
    expect(answer.body).toMatchObject({ jwks: { keys }, jwksUri: null, clientSecret: null, secrets: [] });
  });

  it("are those of an address instead", async () => {
    const jwksUri = "https://app.example.com/jwks";
    const answer = await register([], { jwksUri });
    expectWritten(answer, 201);
    expect(answer.body).toMatchObject({ jwks: null, jwksUri });
    await withoutTrace(world.server, async () => {
      expectError(await register([p256], { jwksUri }), 400, "common.validation_failed", "jwks");
      for (const malformed of ["http://app.example.com/jwks", "https://user@app.example.com/jwks", "file:///etc/passwd", "jwks"])
        expectError(await register([], { jwksUri: malformed }), 400, "common.validation_failed", "jwksUri");
    });
  });

  it("are no private and no symmetric keys", async () => {
    const pairs = [rsa(2_048), ec("P-256"), generateKeyPairSync("ed25519")];
    const privateKeys = pairs.map(({ privateKey }) => ({ ...(privateKey.export({ format: "jwk" }) as Fields) }));
    const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "k", "oth"];
    await withoutTrace(world.server, async () => {
      for (const key of privateKeys) expectError(await register([key]), 400, "common.validation_failed", "jwks.keys.0.d");
      for (const member of privateMembers)
        expectError(
          await register([p256, { ...ed25519, kid: "2", [member]: "AQAB" }]),
          400,
          "common.validation_failed",
          `jwks.keys.1.${member}`,
        );
      expectError(await register([{ kty: "oct", k: "AAAA" }]), 400, "common.validation_failed", "jwks.keys.0.kty");
    });
  });

  it.each<[string, () => Fields]>([
    ["an RSA key of 1,024 bits", () => jwk(rsa(1_024))],
    ["an RSA key with the exponent 3", () => jwk(rsa(2_048, 3))],
    ["an RSA key with an even exponent", () => ({ ...strong, e: Buffer.from([1, 0, 2]).toString("base64url") })],
    ["an RSA key without its exponent", () => ({ kty: "RSA", n: strong["n"] })],
    ["an RSA key with members of another type", () => ({ ...strong, x: p256["x"] })],
    ["a key of secp256k1", () => jwk(ec("secp256k1"))],
    ["a key for encryption", () => jwk(generateKeyPairSync("x25519"))],
    ["a point that is not on the curve", () => ({ ...p256, x: p256["y"] })],
    ["coordinates of another curve", () => ({ ...p256, crv: "P-384" })],
    ["an Ed25519 key of 31 bytes", () => ({ ...ed25519, x: Buffer.alloc(31, 1).toString("base64url") })],
    ["an algorithm of another type", () => ({ ...p256, alg: "RS256" })],
    ["an algorithm of another curve", () => ({ ...p256, alg: "ES384" })],
    ["no algorithm at all", () => ({ ...p256, alg: "none" })],
    ["an algorithm with a shared secret", () => ({ ...p256, alg: "HS256" })],
    ["a use other than signatures", () => ({ ...p256, use: "enc" })],
    ["text that is not base64url", () => ({ ...p256, x: "a=b" })],
    ["an address of its certificate", () => ({ ...p256, x5u: "https://attacker.example.com" })],
  ])("are refused with %s", async (_what, key) => {
    const answer = await withoutTrace(world.server, () => register([key()]));
    expectError(answer, 400, "common.validation_failed");
    expect(answer.body.error.details[0].field).toMatch(/^jwks\.keys\.0/);
  });

  it("are at least one, at most ten, and told apart by their kids", async () => {
    const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ ...ed25519, kid: `${index}` }));
    await withoutTrace(world.server, async () => {
      for (const jwks of [{ keys: [] }, { keys: numbered(11) }, {}, { keys: ["key"] }, { keys: numbered(1), more: true }, "keys"])
        expectError(await register([], { jwks }), 400, "common.validation_failed");
      for (const keys of [
        [p256, ed25519],
        [
          { ...p256, kid: "1" },
          { ...ed25519, kid: "1" },
        ],
      ])
        expectError(await register(keys), 400, "common.validation_failed", "jwks.keys");
    });
    expectWritten(await register(numbered(10)), 201);
  });
});
