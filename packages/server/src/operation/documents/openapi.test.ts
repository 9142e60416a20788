import { Compile } from "typebox/compile";
import { describe, expect, it } from "vitest";
import { noProxies } from "#platform/network/trusted-proxies.ts";
import { signedIn } from "../declaration/authorization.ts";
import { catalogue } from "../declaration/catalogue.ts";
import type { Operation } from "../declaration/operation.ts";
import { Type, Uuid } from "../declaration/schema.ts";
import { httpServer } from "../http/http-server.ts";
import { serveInProcess } from "../transport/serve.ts";
import {
  about,
  addBook,
  Book,
  book,
  changeBook,
  codes,
  contextOf,
  document,
  enter,
  gate,
  getBook,
  library,
  listBooks,
  of,
  oil,
  type Response,
  removeBook,
  repair,
  resolved,
  searchBooks,
  small,
} from "./conformance/openapi-fixture.ts";

describe("the OpenAPI document", () => {
  it("has every operation with a route, and no other, sorted by path and method", () => {
    const doc = document();
    expect(doc.openapi).toBe("3.1.0");
    expect(
      Object.entries(doc.paths).flatMap(([path, item]) =>
        Object.entries(item).map(([method, { operationId }]) => `${method} ${path} ${operationId}`),
      ),
    ).toEqual([
      "get /v1/books library.listBooks",
      "post /v1/books/search library.searchBooks",
      "delete /v1/books/{bookId} library.removeBook",
      "get /v1/books/{bookId} library.getBook",
      "patch /v1/books/{bookId} library.changeBook",
      "post /v1/enter gate.enter",
      "post /v1/libraries/{organizationId}/books library.addBook",
      "post /v1/repair gate.repair",
    ]);
  });

  it("has version, server address, and modules as tags", () => {
    const doc = document();
    expect(doc.info).toMatchObject({ title: "Gatehouse", version: "1.2.3" });
    expect(doc.servers).toEqual([{ url: "https://gatehouse.example" }]);
    expect(doc.tags).toEqual([{ name: "gate" }, { name: "library" }]);
    expect(of("/v1/enter", "post").tags).toEqual(["gate"]);
  });

  it("does not depend on the order of the declarations", () => {
    const reversed = catalogue([
      contextOf(gate, [oil, repair, enter]),
      contextOf(library, [searchBooks, listBooks, getBook, removeBook, changeBook, addBook]),
    ]);
    expect(JSON.stringify(document(reversed))).toBe(JSON.stringify(document()));
  });

  it("is plain JSON whose references all resolve", () => {
    const doc = document();
    expect(JSON.parse(JSON.stringify(doc))).toEqual(doc);
    const references = JSON.stringify(doc).match(/#\/components\/[^"]+/g) ?? [];
    expect(references.length).toBeGreaterThan(10);
    for (const $ref of references) expect(resolved(doc, { $ref }), $ref).toBeDefined();
  });

  it("contains no keyword of this program's own, at any depth", () => {
    const text = JSON.stringify(document());
    expect(text).toContain('"password":{"type":"string","maxLength":200}');
    expect(text).not.toMatch(/x-secret|"~/);
  });

  it("cannot be built where two routes name one path's parameters differently", () => {
    const other = library.query("readBook", {
      http: "GET /v1/libraries/:libraryId/books",
      summary: "Read.",
      allow: signedIn(),
      input: Type.Object({ libraryId: Uuid }),
      output: Book,
      run: async () => book,
    });
    expect(() => document(catalogue([contextOf(library, [addBook, other])]))).toThrow(
      /library\.\w+ and library\.\w+ name one path differently/,
    );
  });
});

describe("an operation in the OpenAPI document", () => {
  it("has its path and query parameters with their schemas", () => {
    expect(of("/v1/books", "get").parameters).toEqual([
      { name: "shelf", in: "query", required: true, description: "Which shelf.", schema: { type: "string" } },
      { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 200, default: 50 } },
      { name: "cursor", in: "query", schema: { type: "string", maxLength: 3_000 } },
    ]);
    expect(of("/v1/books/{bookId}", "get").parameters?.[0]).toEqual({
      name: "bookId",
      in: "path",
      required: true,
      schema: { type: "string", format: "uuid" },
    });
    expect(of("/v1/books", "get").requestBody).toBeUndefined();
  });

  it("has a closed body with the fields that are not in the path", () => {
    expect(of("/v1/libraries/{organizationId}/books", "post").requestBody).toEqual({
      required: true,
      content: {
        "application/json": {
          schema: {
            type: "object",
            additionalProperties: false,
            required: ["title"],
            properties: { title: { type: "string" }, kind: { type: "string", enum: ["novel", "atlas"] } },
          },
        },
      },
    });
    expect(of("/v1/books/{bookId}", "delete").requestBody).toBeUndefined();
    expect(of("/v1/repair", "post").requestBody).toBeUndefined();
  });

  it("requires a body only where the input does, and keeps the other keywords of its schema", () => {
    expect(of("/v1/books/search", "post").requestBody?.required).toBeUndefined();
    expect(of("/v1/books/search", "post").requestBody?.content["application/json"]?.schema).not.toHaveProperty("required");
    const change = of("/v1/books/{bookId}", "patch").requestBody;
    expect(change?.required).toBe(true);
    expect(change?.content["application/json"]?.schema).toMatchObject({ description: "What is not given stays." });
    expect(Object.keys(change?.content["application/json"]?.schema["properties"] as object)).toEqual(["title", "ownerId"]);
  });

  it("accepts an Idempotency-Key only for a command behind POST", () => {
    const takers = Object.entries(document().paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([, { parameters }]) => parameters?.some(({ $ref }) => $ref?.endsWith("IdempotencyKey")))
        .map(([method]) => `${method} ${path}`),
    );
    expect(takers).toEqual(["post /v1/enter", "post /v1/libraries/{organizationId}/books", "post /v1/repair"]);
    expect(document().components["parameters"]?.["IdempotencyKey"]).toMatchObject({ name: "Idempotency-Key", in: "header" });
  });

  it("accepts If-Match only where it changes a versioned representation", () => {
    const takers = Object.entries(document().paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([, { parameters }]) => parameters?.some(({ $ref }) => $ref?.endsWith("IfMatch")))
        .map(([method]) => `${method} ${path}`),
    );
    expect(takers).toEqual(["patch /v1/books/{bookId}"]);
  });

  it("describes its rule, and requires a credential unless anyone may call it", () => {
    expect(of("/v1/enter", "post").security).toEqual([]);
    expect(of("/v1/enter", "post").description).toContain("Anyone: who enters has no card yet.");
    for (const [path, method] of [
      ["/v1/books", "get"],
      ["/v1/repair", "post"],
      ["/v1/books/{bookId}", "patch"],
    ] as const) {
      expect(of(path, method).security).toEqual([{ bearer: [] }, { apiKey: [] }, { cookie: [] }]);
    }
    expect(of("/v1/libraries/{organizationId}/books", "post").description).toBe(
      "Add a book.\n\n**Who may call it:** Permission `Book.Add` in the organization.\n\n**Limit:** 5 calls in 60 seconds from one address.",
    );
    expect(document().components["securitySchemes"]).toMatchObject({
      bearer: { type: "http", scheme: "bearer" },
      cookie: { type: "apiKey", in: "cookie", name: "gh_session" },
    });
  });

  const limited = { "429": ["common.too_many_requests"] };
  const always = { ...limited, "500": ["common.internal"], "503": ["common.unavailable"] };
  const commanded = { ...limited, "500": ["common.internal"], "503": ["common.outcome_unknown", "common.unavailable"] };
  const refusals = ["auth.credential_invalid", "auth.credential_required"];
  const written = { "413": ["common.payload_too_large"], "415": ["common.unsupported_media_type"] };
  const invalid = { "400": ["common.validation_failed"] };

  it.each<[string, string, Record<string, readonly string[]>]>([
    [
      "post",
      "/v1/libraries/{organizationId}/books",
      {
        ...invalid,
        "401": refusals,
        "403": ["apikeys.address_not_allowed", "auth.cross_site_request", "auth.organization_suspended", "auth.permission_denied"],
        "404": ["library.card_unknown"],
        "409": ["common.idempotency_key_reused"],
        ...written,
        ...commanded,
      },
    ],
    [
      "patch",
      "/v1/books/{bookId}",
      {
        ...invalid,
        "401": refusals,
        "403": ["apikeys.address_not_allowed", "auth.cross_site_request", "auth.permission_denied"],
        "404": ["library.book_not_found"],
        "409": ["library.book_lent"],
        "412": ["common.version_conflict"],
        ...written,
        ...commanded,
      },
    ],
    [
      "delete",
      "/v1/books/{bookId}",
      {
        ...invalid,
        "401": refusals,
        "403": ["apikeys.address_not_allowed", "auth.cross_site_request", "auth.organization_suspended", "auth.permission_denied"],
        "404": ["library.book_not_found"],
        "409": ["library.book_lent"],
        ...written,
        ...commanded,
      },
    ],
    [
      "get",
      "/v1/books/{bookId}",
      {
        ...invalid,
        "401": refusals,
        "403": ["apikeys.address_not_allowed", "auth.permission_denied"],
        "404": ["library.book_not_found"],
        ...limited,
        "500": ["common.internal"],
        "503": ["common.revision_not_reached", "common.unavailable"],
      },
    ],
    ["get", "/v1/books", { ...invalid, "401": refusals, "403": ["apikeys.address_not_allowed", "auth.permission_denied"], ...always }],
    [
      "post",
      "/v1/books/search",
      {
        ...invalid,
        "401": refusals,
        "403": ["apikeys.address_not_allowed", "auth.cross_site_request", "auth.permission_denied"],
        ...written,
        ...always,
      },
    ],
    [
      "post",
      "/v1/enter",
      {
        ...invalid,
        "401": ["auth.credential_invalid"],
        "403": ["apikeys.address_not_allowed", "auth.cross_site_request"],
        "409": ["common.idempotency_key_reused"],
        ...written,
        ...commanded,
      },
    ],
    [
      "post",
      "/v1/repair",
      {
        ...invalid,
        "401": refusals,
        "403": ["apikeys.address_not_allowed", "auth.cross_site_request"],
        "404": ["common.not_found"],
        "409": ["common.idempotency_key_reused"],
        ...written,
        ...commanded,
      },
    ],
  ])("lists exactly the errors that %s %s declares and that the kernel can return for it", (method, path, expected) => {
    expect(codes(of(path, method))).toEqual(expected);
  });

  it("has one example of each error, in the error envelope", () => {
    const doc = document();
    const envelope = Compile(doc.components["schemas"]?.["Error"] as never);
    const examples = Object.entries(doc.components["examples"] ?? {}) as [
      string,
      { summary: string; value: { error: { code: string } } },
    ][];
    expect(examples.map(([code]) => code)).toContain("library.book_lent");
    for (const [code, { value }] of examples) {
      expect(value.error.code).toBe(code);
      expect(envelope.Check(value), code).toBe(true);
    }
    expect(doc.components["examples"]?.["library.book_lent"]).toEqual({
      summary: "The book is lent.",
      value: {
        success: false,
        error: {
          code: "library.book_lent",
          message: "The book is lent.",
          details: [],
          traceId: expect.any(String),
          docs: "https://gatehouse.example/errors/library.book_lent",
        },
      },
    });
  });

  it("describes the status, headers and body of an actual success", async () => {
    const outputs: Record<string, unknown> = {
      "library.listBooks": { items: [book], nextCursor: "next" },
      "library.searchBooks": { items: [], nextCursor: null },
      "gate.enter": { sessionToken: "ghs_token", expiresAt: "2030-01-01T00:00:00.000Z" },
    };
    const app = httpServer({
      catalogue: small,
      serve: serveInProcess(
        async ({ operation }) => {
          const { kind, output } = small.byName.get(operation) as Operation;
          const nothing = (output as { readonly type?: string }).type === "null";
          return { output: nothing ? null : (outputs[operation] ?? book), ...(kind === "command" ? { revision: "42" } : {}) };
        },
        () => ({ kind: "operator" }),
        { admit: () => ({ rateLimits: { policy: '"key";q=2;w=60', state: '"key";r=1;t=60' }, ended() {} }) },
      ),
      publicUrl: about.publicUrl,
      trustProxy: noProxies,
      report: () => {},
    });
    const doc = document();
    for (const [path, item] of Object.entries(doc.paths)) {
      for (const [method, documented] of Object.entries(item)) {
        const answer = await app.inject({
          method: method.toUpperCase() as "GET",
          url: path.replaceAll(/\{\w+\}/g, book.id),
          headers: { authorization: "Bearer x" },
        });
        const expected = documented.responses[answer.statusCode] as Response;
        expect(expected, `${documented.operationId} answered ${answer.statusCode}`).toBeDefined();
        expect(answer.statusCode).toBeLessThan(300);
        const named = Object.keys(answer.headers).filter((name) =>
          ["x-request-id", "x-gatehouse-revision", "etag", "set-cookie", "ratelimit", "ratelimit-policy"].includes(name),
        );
        expect(Object.keys(expected.headers).toSorted(), documented.operationId).toEqual(named.toSorted());
        const schema = expected.content?.["application/json"]?.schema;
        if (schema === undefined) expect(answer.body).toBe("");
        else expect(Compile(schema as never).Check(answer.json()), documented.operationId).toBe(true);
      }
    }
    await app.close();
  });
});
