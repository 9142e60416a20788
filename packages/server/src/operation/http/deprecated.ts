import type { FastifyRequest } from "fastify";
import { type Deprecation, deprecationField, sunsetField } from "../declaration/deprecation.ts";
import type { Operation } from "../declaration/operation.ts";

/** Header after header, name and value, for an answer to this request. */
export type Notice = (request: FastifyRequest) => readonly string[];

/**
 * What every answer of a deprecated operation says, errors too: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), and a `Link` to its
 * description and to what replaces it (RFC 5829 §3.5). Undefined of an operation that stays.
 */
export function noticeOf(
  { name, module, deprecated }: Operation,
  byName: ReadonlyMap<string, Operation>,
  publicUrl: string,
): Notice | undefined {
  if (deprecated === undefined) return undefined;
  const described = `<${publicUrl}/docs#/${module}/${name}>; rel="deprecation"; type="text/html"`;
  const fixed = ["deprecation", deprecationField(deprecated), "sunset", sunsetField(deprecated)];
  const addressOf = successorAddress(deprecated, byName);
  return (request) => {
    const address = addressOf(request.params as Record<string, string>);
    const successor = address === undefined ? "" : `, <${publicUrl}${address}>; rel="successor-version"`;
    return [...fixed, "link", described + successor];
  };
}

/** Where the successor has the same resource; undefined where its address needs more than this one has. */
function successorAddress({ replacedBy }: Deprecation, byName: ReadonlyMap<string, Operation>) {
  const path = replacedBy === undefined ? undefined : byName.get(replacedBy)?.http?.split(" ")[1];
  return (given: Readonly<Record<string, string>>): string | undefined => {
    const filled = path?.replaceAll(/:(\w+)/g, (parameter, name: string) =>
      given[name] === undefined ? parameter : encodeURIComponent(given[name]),
    );
    return filled?.includes("/:") ? undefined : filled;
  };
}
