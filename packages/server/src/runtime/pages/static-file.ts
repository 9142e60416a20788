import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { promisify } from "node:util";
import { gzip as gzipWithCallback } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isKnownToClient } from "#operation/http/entity-tags.ts";

/** A body that is the same for every reader, in memory with its compressed form. */
export interface StaticFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly etag: string;
}

/** For an address that contains the version of its file, so that its content never changes. */
export const immutableCache = "public, max-age=31536000, immutable";
/** Cached and revalidated each time, so that a script and its page come from the same version. */
export const revalidate = "no-cache";

const gzip = promisify(gzipWithCallback);

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The content type of a file that may be served; undefined for every other. */
export const typeOf = (name: string): string | undefined => types[extname(name)];

export async function staticFile(body: Buffer, type: string): Promise<StaticFile> {
  // Weak, because the compressed form has the same tag (RFC 9110 §8.8.1).
  const etag = `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { type, body, gzipped: await gzip(body), etag };
}

export async function staticFileAt(path: string): Promise<StaticFile> {
  const type = typeOf(path);
  if (type === undefined) throw new Error(`${path} has no content type that is served`);
  return staticFile(await readFile(path), type);
}

export function sendFile(file: StaticFile, cacheControl: string, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.header("cache-control", cacheControl).header("etag", file.etag).header("vary", "accept-encoding");
  if (isKnownToClient(request.headers["if-none-match"], file.etag)) return reply.code(304).send();
  reply.header("content-type", file.type);
  if (!/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(String(request.headers["accept-encoding"] ?? ""))) return reply.send(file.body);
  return reply.header("content-encoding", "gzip").send(file.gzipped);
}
