import { generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rootFolder } from "../lib/paths.ts";
import type { Contest, Contestant } from "./contest.ts";

const folder = join(rootFolder, "packages", "server", "src", "modules", "signin", "tokens");
const source = (file: string) => import(pathToFileURL(join(folder, file)).href);

const publicUrl = "https://id.example.com";
const keyId = "0198c0de-0000-7000-8000-000000000001";
/** Number of distinct subjects and tokens. */
const distinct = 64;
const lifetimeSeconds = 900;

/** An access token of a session: five roles and thirty permissions. */
const subjects = Array.from({ length: distinct }, (_, index) => ({
  id: `0198c0de-0000-7000-8000-${String(index).padStart(12, "0")}`,
  organizationId: "0198c0de-0000-7000-8000-aaaaaaaaaaaa",
  sessionId: `0198c0de-0000-7000-8001-${String(index).padStart(12, "0")}`,
  methods: ["pwd"],
  authenticatedAt: new Date(),
  authProvider: "local",
  hints: {
    roles: Array.from({ length: 5 }, (_, role) => `Role ${role}`),
    permissions: Array.from({ length: 30 }, (_, permission) => `Class.Permission${permission}`),
  },
}));

async function keys() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const { issueAccessToken } = await source("issue.ts");
  const issuer = { key: { id: keyId, algorithm: "RS256", key: privateKey }, publicUrl };
  const issue = (index: number): string => issueAccessToken(subjects[index], issuer, new Date(), lifetimeSeconds).token;
  return { publicKey, privateKey, issue };
}

/** Whether the signature of a token is right, by `node:crypto` alone. */
const isRight = (token: string, key: KeyObject): boolean => {
  const [header, payload, signature] = token.split(".") as [string, string, string];
  return verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
};

const counting = (name: string, isRightAt: (index: number) => boolean): Contestant => ({
  name,
  count(from, to) {
    let right = 0;
    for (let index = from; index < to; index += 1) if (isRightAt(index)) right += 1;
    return right;
  },
});

/** RS256: issuing an access token, against the signature of the same bytes alone. */
export async function tokenIssue(): Promise<Contest> {
  const { publicKey, privateKey, issue } = await keys();
  const inputs = subjects.map((_, index) => Buffer.from(issue(index).split(".", 2).join(".")));
  if (!subjects.every((_, index) => isRight(issue(index), publicKey))) throw new Error("a token has a wrong signature");
  return {
    ours: counting("gatehouse", (index) => issue(index).length > 400),
    reference: counting("node:crypto", (index) => sign("sha256", inputs[index] as Buffer, privateKey).length === 256),
    expected: subjects.map(() => true),
  };
}

/** RS256: verifying an access token with its claims, against the verification of the signature alone. A quarter of the tokens is changed. */
export async function tokenVerify(): Promise<Contest> {
  const { publicKey, issue } = await keys();
  const { verifyJwt } = await source("jws.ts");
  const { accessTokenClaims } = await source("claims.ts");
  const key = { algorithm: "RS256", key: publicKey };
  const keyOf = (id: string) => (id === keyId ? key : undefined);
  const expected = subjects.map((_, index) => index % 4 !== 0);
  const tokens = subjects.map((_, index) => (expected[index] ? issue(index) : changed(issue(index))));
  const prepared = tokens.map((token) => {
    const [header, payload, signature] = token.split(".") as [string, string, string];
    return { input: Buffer.from(`${header}.${payload}`), signature: Buffer.from(signature, "base64url") };
  });
  return {
    ours: counting("gatehouse", (index) => {
      const signed = verifyJwt(tokens[index], keyOf);
      return (
        signed !== undefined && accessTokenClaims(signed.claims, { issuer: publicUrl, audience: publicUrl, now: Date.now() }) !== undefined
      );
    }),
    reference: counting("node:crypto", (index) => {
      const { input, signature } = prepared[index] as (typeof prepared)[number];
      return verify("sha256", input, publicKey, signature);
    }),
    expected,
  };
}

/** The same token for another user. */
function changed(token: string): string {
  const [header, payload, signature] = token.split(".") as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: keyId })).toString("base64url");
  return `${header}.${forged}.${signature}`;
}
