import { describeRule, permissionsIn, type Rule } from "../declaration/authorization.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import { type Deprecation, describeDeprecation } from "../declaration/deprecation.ts";
import {
  AddressNotAllowed,
  CredentialInvalid,
  CredentialRequired,
  CrossSiteRequest,
  DependencyUnavailable,
  type ErrorDefinition,
  IdempotencyKeyReused,
  InternalError,
  kernelErrors,
  OrganizationInactive,
  OutcomeNotKnown,
  PayloadTooLarge,
  PermissionDenied,
  RevisionNotReached,
  RouteNotFound,
  TooManyRequests,
  UnsupportedMediaType,
  ValidationFailed,
  VersionConflict,
} from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import { opened, published } from "../declaration/published.ts";
import type { TSchema } from "../declaration/schema.ts";
import { sessionCookieName } from "../http/credential.ts";

type Json = Record<string, unknown>;

interface Route {
  readonly operation: Operation;
  /** In lower case, as in OpenAPI. */
  readonly method: string;
  /** With parameters as `{name}`. */
  readonly path: string;
  readonly parameters: readonly string[];
}

/**
 * The OpenAPI 3.1 document of all operations with an HTTP route. It depends on the declarations only: the same catalogue gives the same
 * text. Throws where two routes name the parameters of one path differently, which OpenAPI forbids ("Templated paths", 3.1 §4.8.8.2).
 */
export function openapi(catalogue: Catalogue, about: { version: string; publicUrl: string }): object {
  const routes = routesOf(catalogue);
  const errors = new Map<string, ErrorDefinition>();
  const shared = new Map<string, Json>();
  for (const { operation, method } of routes) {
    for (const error of errorsOf(operation, method)) errors.set(error.code, error);
    for (const [status, group] of byStatus(errorsOf(operation, method))) {
      if (isKernelOnly(group) && !operation.deprecated) shared.set(sharedName(status, group), errorResponse(status, group));
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Gatehouse",
      version: about.version,
      description: "Identity, access and integration for multi-tenant products.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: about.publicUrl }],
    tags: [...new Set(routes.map(({ operation }) => operation.module))].toSorted().map((name) => ({ name })),
    paths: pathsOf(routes, catalogue.byName),
    components: {
      schemas: { Error: errorEnvelope },
      headers: headerComponents,
      parameters: parameterComponents,
      responses: Object.fromEntries([...shared].toSorted(([left], [right]) => compare(left, right))),
      examples: Object.fromEntries([...errors.values()].toSorted(byCode).map((error) => [error.code, exampleOf(error, about.publicUrl)])),
      securitySchemes,
    },
  };
}

function routesOf(catalogue: Catalogue): readonly Route[] {
  const routes = catalogue.operations.flatMap((operation): Route[] => {
    if (operation.http === undefined) return [];
    const [method, url] = operation.http.split(" ") as [string, string];
    return [
      {
        operation,
        method: method.toLowerCase(),
        path: url.replaceAll(/:(\w+)/g, "{$1}"),
        parameters: [...url.matchAll(/:(\w+)/g)].map(([, name]) => name as string),
      },
    ];
  });
  const shapes = new Map<string, Route>();
  for (const route of routes) {
    const shape = route.path.replaceAll(/\{\w+\}/g, "{}");
    const first = shapes.get(shape);
    if (first && first.path !== route.path) {
      throw new Error(`${first.operation.name} and ${route.operation.name} name one path differently: ${first.path}, ${route.path}`);
    }
    shapes.set(shape, route);
  }
  return routes.toSorted((left, right) => compare(left.path, right.path) || compare(left.method, right.method));
}

function pathsOf(routes: readonly Route[], byName: Catalogue["byName"]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationObject(route, byName) };
  }
  return paths;
}

function operationObject(route: Route, byName: Catalogue["byName"]): Json {
  const { operation } = route;
  const parameters = parametersOf(route);
  const body = bodyOf(route);
  return {
    operationId: operation.name,
    tags: [operation.module],
    summary: operation.summary,
    description: describe(operation, byName),
    ...(operation.deprecated ? { deprecated: true, "x-sunset": operation.deprecated.sunset } : {}),
    security: operation.allow.kind === "anyone" ? [] : [{ bearer: [] }, { apiKey: [] }, { cookie: [] }],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: responsesOf(route),
  };
}

function describe({ summary, allow, limit, deprecated }: Operation, byName: Catalogue["byName"]): string {
  const lines = [summary, `**Who may call it:** ${describeRule(allow)}`];
  if (deprecated) lines.push(describeDeprecation(deprecated, successorOf(deprecated, byName)));
  if (limit) lines.push(`**Limit:** ${limit.points} calls in ${limit.seconds} seconds from one address.`);
  return lines.join("\n\n");
}

/** The replacement of an operation, for a reader: its name and its route. */
export function successorOf({ replacedBy }: Deprecation, byName: Catalogue["byName"]): string | undefined {
  return replacedBy === undefined ? undefined : `\`${replacedBy}\` (\`${byName.get(replacedBy)?.http}\`)`;
}

/** The input fields that are not path parameters. */
function nonPathFields({ operation, parameters }: Route): {
  readonly properties: Record<string, TSchema>;
  readonly required: readonly string[];
} {
  const properties = Object.fromEntries(Object.entries(operation.input.properties).filter(([name]) => !parameters.includes(name)));
  const required = (operation.input as { readonly required?: readonly string[] }).required ?? [];
  return { properties, required: required.filter((name) => name in properties) };
}

function parametersOf(route: Route): Json[] {
  const { operation, method } = route;
  const parameters: Json[] = route.parameters.map((name) => parameterOf(name, "path", operation.input.properties[name] as TSchema, true));
  if (method === "get") {
    const { properties, required } = nonPathFields(route);
    for (const [name, schema] of Object.entries(properties)) parameters.push(parameterOf(name, "query", schema, required.includes(name)));
  }
  if (takesIdempotencyKey(operation, method)) parameters.push({ $ref: "#/components/parameters/IdempotencyKey" });
  if (takesIfMatch(operation, method)) parameters.push({ $ref: "#/components/parameters/IfMatch" });
  return parameters;
}

function parameterOf(name: string, location: "path" | "query", given: TSchema, required: boolean): Json {
  const { description, ...schema } = published(given) as Json;
  return { name, in: location, ...(required ? { required } : {}), ...(description ? { description } : {}), schema };
}

function bodyOf(route: Route): Json | undefined {
  if (route.method === "get") return undefined;
  const { properties, required } = nonPathFields(route);
  if (Object.keys(properties).length === 0) return undefined;
  // The other keywords of the input's schema (minProperties, description) apply to the body; only the fields differ.
  const { properties: _all, required: _named, ...rest } = published(route.operation.input) as Json;
  const schema = { ...rest, properties: published(properties), ...(required.length > 0 ? { required } : {}) };
  const needed = required.length > 0 || Number(rest["minProperties"] ?? 0) > 0;
  return { ...(needed ? { required: true } : {}), content: { "application/json": { schema } } };
}

const takesIdempotencyKey = (operation: Operation, method: string): boolean => method === "post" && operation.kind === "command";

const takesIfMatch = (operation: Operation, method: string): boolean =>
  operation.versioned === true && operation.kind === "command" && ["put", "patch", "delete"].includes(method);

function responsesOf({ operation, method }: Route): Json {
  const nothing = (operation.output as { readonly type?: string }).type === "null";
  const status = operation.status ?? (nothing ? 204 : 200);
  const success: Json = {
    description: nothing ? "Done." : "The answer.",
    headers: {
      "x-request-id": { $ref: "#/components/headers/RequestId" },
      ...(operation.kind === "command" ? { "x-gatehouse-revision": { $ref: "#/components/headers/Revision" } } : {}),
      ...(operation.versioned && !nothing ? { etag: { $ref: "#/components/headers/ETag" } } : {}),
      ...(operation.cookie ? { "set-cookie": { $ref: "#/components/headers/SessionCookie" } } : {}),
      ...rateLimitHeaders,
      ...deprecationHeaders(operation),
    },
    ...(nothing ? {} : { content: contentOf(operation) }),
  };
  const failures = [...byStatus(errorsOf(operation, method))].map(
    ([failed, group]) =>
      [
        String(failed),
        isKernelOnly(group) && !operation.deprecated
          ? { $ref: `#/components/responses/${sharedName(failed, group)}` }
          : errorResponse(failed, group, deprecationHeaders(operation)),
      ] as const,
  );
  // Numeric keys of an object are enumerated in ascending order.
  return Object.fromEntries([[String(status), success] as const, ...failures]);
}

/** A document has its own media type; everything else is JSON. */
const contentOf = ({ document, output }: Operation): Json =>
  document
    ? Object.fromEntries(mediaTypesOf(output).map((type) => [type, { schema: { type: "string" } }]))
    : { "application/json": { schema: opened(published(output)) } };

const mediaTypesOf = (output: TSchema): readonly string[] =>
  (output as unknown as { properties: { mediaType: { enum: readonly string[] } } }).properties.mediaType.enum;

const byStatus = (errors: readonly ErrorDefinition[]): ReadonlyMap<number, readonly ErrorDefinition[]> =>
  Map.groupBy(errors.toSorted(byCode), (error) => error.status);

/** Responses with kernel errors only are equal for many operations, and described once. */
const isKernelOnly = (errors: readonly ErrorDefinition[]): boolean => errors.every((error) => kernelErrors.includes(error));

const sharedName = (status: number, errors: readonly ErrorDefinition[]): string =>
  `${status}_${errors.map(({ code }) => code.slice(code.indexOf(".") + 1)).join("_or_")}`;

/** The state of an API key's rate limits. */
const rateLimitHeaders: Json = {
  "ratelimit-policy": { $ref: "#/components/headers/RateLimitPolicy" },
  ratelimit: { $ref: "#/components/headers/RateLimit" },
};

/** The headers of each answer of a deprecated operation, errors too. */
const deprecationHeaders = ({ deprecated }: Operation): Json =>
  deprecated === undefined
    ? {}
    : {
        deprecation: { $ref: "#/components/headers/Deprecation" },
        sunset: { $ref: "#/components/headers/Sunset" },
        link: { $ref: "#/components/headers/Link" },
      };

function errorResponse(status: number, errors: readonly ErrorDefinition[], more: Json = {}): Json {
  return {
    description: errors.map(({ code, message }) => `\`${code}\`: ${message}`).join("\n\n"),
    headers: {
      "x-request-id": { $ref: "#/components/headers/RequestId" },
      ...(status === 401 ? { "www-authenticate": { $ref: "#/components/headers/Challenge" } } : {}),
      ...(status === 429 || status === 503 ? { "retry-after": { $ref: "#/components/headers/RetryAfter" } } : {}),
      ...(status === 429 ? rateLimitHeaders : {}),
      ...more,
    },
    content: {
      "application/json": {
        schema: {
          allOf: [
            { $ref: "#/components/schemas/Error" },
            { properties: { error: { properties: { code: { enum: errors.map(({ code }) => code) } } } } },
          ],
        },
        examples: Object.fromEntries(errors.map(({ code }) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}

/** The errors of the operation, the kernel and the transport, each code once. */
function errorsOf(operation: Operation, method: string): readonly ErrorDefinition[] {
  const { allow } = operation;
  const kinds = kindsOf(allow);
  const needsPermission = permissionsIn(allow).length > 0;
  const writes = method !== "get";
  const possible: readonly (readonly [ErrorDefinition | undefined, boolean])[] = [
    ...operation.errors.map((error) => [error, true] as const),
    [operation.absent, true],
    [ValidationFailed, true],
    [CredentialRequired, allow.kind !== "anyone"],
    // An invalid credential is refused also where none is required.
    [CredentialInvalid, true],
    // Also where any user may call: services and credentials with scopes are refused.
    [PermissionDenied, needsPermission || refusing.some((kind) => kinds.has(kind))],
    [OrganizationInactive, permissionsIn(allow).some(({ scope }) => scope === "tenant")],
    // The credential may be an API key with networks and rate limits.
    [AddressNotAllowed, true],
    [CrossSiteRequest, writes],
    [RouteNotFound, kinds.has("operator")],
    [IdempotencyKeyReused, takesIdempotencyKey(operation, method)],
    [VersionConflict, takesIfMatch(operation, method)],
    [PayloadTooLarge, writes],
    [UnsupportedMediaType, writes],
    [TooManyRequests, true],
    [InternalError, true],
    [DependencyUnavailable, true],
    [OutcomeNotKnown, operation.kind === "command"],
    [RevisionNotReached, "minRevision" in operation.input.properties],
  ];
  const byCodes = new Map<string, ErrorDefinition>();
  for (const [error, applies] of possible) if (error && applies) byCodes.set(error.code, error);
  return [...byCodes.values()];
}

/** Rules without a permission that refuse some identified principals. */
const refusing: readonly Rule["kind"][] = ["signedIn", "identified", "subject", "own"];

function kindsOf(rule: Rule): ReadonlySet<Rule["kind"]> {
  const inner = rule.kind === "either" ? rule.rules : rule.kind === "byInput" ? [...Object.values(rule.cases), rule.otherwise] : [];
  return new Set([rule.kind, ...inner.flatMap((each) => [...kindsOf(each)])]);
}

function exampleOf({ code, message }: ErrorDefinition, publicUrl: string): Json {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  return {
    summary: message,
    value: { success: false, error: { code, message, details: [], traceId, docs: `${publicUrl}/errors/${code}` } },
  };
}

/** The error envelope of every transport (docs/contract.md, "Answers"). */
const errorEnvelope = {
  type: "object",
  description: "Every error has this form.",
  required: ["success", "error"],
  properties: {
    success: { const: false },
    error: {
      type: "object",
      required: ["code", "message", "details", "traceId", "docs"],
      properties: {
        code: { type: "string", description: "Stable; codes are only ever added." },
        message: { type: "string", description: "One sentence for people." },
        details: {
          type: "array",
          description: "Where the error is and which rule was broken; never the value that was sent.",
          items: { type: "object", properties: { field: { type: "string" }, rule: { type: "string" } } },
        },
        traceId: { type: "string", description: "Names the request in logs and traces." },
        docs: { type: "string", format: "uri" },
      },
    },
  },
};

const headerComponents = {
  RequestId: { description: "The caller's `x-request-id`, or a generated one.", required: true, schema: { type: "string" } },
  Revision: {
    description: "The revision of this write. A check with this `minRevision` is never answered from an older state.",
    required: true,
    schema: { type: "string", pattern: "^[0-9]+$" },
  },
  ETag: {
    description: "The version of the representation, to be sent back in `If-Match`.",
    required: true,
    schema: { type: "string", pattern: '^"[0-9]+"$' },
  },
  SessionCookie: { description: `Begins or ends the browser's session (\`${sessionCookieName}\`).`, schema: { type: "string" } },
  Challenge: { description: "How to authenticate (RFC 9110 §11.6.1).", schema: { type: "string" } },
  RetryAfter: { description: "Seconds to wait before trying again.", schema: { type: "integer", minimum: 1 } },
  RateLimitPolicy: {
    description: "With an API key: its rate limits, each with its quota `q` in `w` seconds (draft-ietf-httpapi-ratelimit-headers).",
    schema: { type: "string" },
  },
  RateLimit: {
    description: "With an API key: the remaining quota of each rate limit, `r` calls in the next `t` seconds.",
    schema: { type: "string" },
  },
  Deprecation: { description: "The date of the deprecation (RFC 9745).", required: true, schema: { type: "string", pattern: "^@[0-9]+$" } },
  Sunset: { description: "The date from which it may be removed (RFC 8594).", required: true, schema: { type: "string" } },
  Link: {
    description: "Its description (`deprecation`) and its replacement (`successor-version`).",
    required: true,
    schema: { type: "string" },
  },
};

const parameterComponents = {
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description: "A retry with the same key within 24 hours gets the first answer; the command runs once.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
  IfMatch: {
    name: "If-Match",
    in: "header",
    description: "The ETag of the version to change. A stale one is answered with 412.",
    schema: { type: "string", pattern: '^(\\*|"[0-9]{1,9}")$' },
  },
};

const securitySchemes = {
  bearer: { type: "http", scheme: "bearer", description: "A session token (`ghs_…`) or an API key (`ghk_…`)." },
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key", description: "An API key (`ghk_…`)." },
  cookie: { type: "apiKey", in: "cookie", name: sessionCookieName, description: "The session token in the browser's cookie." },
};

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
const byCode = (left: ErrorDefinition, right: ErrorDefinition): number => compare(left.code, right.code);
