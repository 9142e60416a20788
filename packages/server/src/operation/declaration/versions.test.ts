import { newPerson, type Person } from "@gatehouse/testing/people.ts";
import { type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import { Compile } from "typebox/compile";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { Publisher } from "#platform/log/publish.ts";
import { noProxies } from "#platform/network/trusted-proxies.ts";
import { inProcessRpc } from "#platform/rpc/in-process.ts";
import type { Rpc } from "#platform/rpc/rpc.ts";
import { eventSchemas } from "../documents/events-schema.ts";
import { openapi } from "../documents/openapi.ts";
import { httpServer } from "../http/http-server.ts";
import { Kernel } from "../kernel/kernel.ts";
import { formerVersionsOf } from "../kernel/new-events.ts";
import { respond } from "../rpc/responder.ts";
import { serveInProcess } from "../transport/serve.ts";
import { anyone, signedIn } from "./authorization.ts";
import { catalogue } from "./catalogue.ts";
import { defineError } from "./errors.ts";
import { defineEvent, derivedFrom } from "./event.ts";
import { type ModuleManifest, module } from "./module.ts";
import type { Operation } from "./operation.ts";
import { Nothing, Type, Uuid } from "./schema.ts";

const library = module("library", { store: { reads: () => ({}), writes: () => ({}) } });
const BookNotFound = defineError("library.book_not_found", 404, "There is no such book.");

const bookId = "0198a000-0000-7000-8000-000000000001";
const unknownId = "0198a000-0000-7000-8000-000000000002";
const book = { bookId, title: "Kiều", authors: [{ name: "Nguyễn Du" }] };
const find = (id: string) => (id === bookId ? book : undefined);
const deprecation = { since: "2026-12-01", sunset: "2027-06-01", instead: "Read the authors one by one." };

const getBook = library.query("getBook", {
  http: "GET /api/v1/books/:bookId",
  summary: "A book.",
  allow: signedIn(),
  input: Type.Object({ bookId: Uuid }),
  output: Type.Object({ bookId: Uuid, title: Type.String(), author: Type.String() }),
  errors: [BookNotFound],
  deprecated: { ...deprecation, replacedBy: "library.getBook.v2" },
  run: async ({ fail }, input) => {
    const { authors, ...rest } = find(input.bookId) ?? fail(BookNotFound);
    return { ...rest, author: authors.map(({ name }) => name).join(", ") };
  },
});
const getBookV2 = library.query("getBook.v2", {
  http: "GET /api/v2/books/:bookId",
  summary: "A book.",
  allow: signedIn(),
  input: Type.Object({ bookId: Uuid }),
  output: Type.Object({ bookId: Uuid, title: Type.String(), authors: Type.Array(Type.Object({ name: Type.String() })) }),
  errors: [BookNotFound],
  run: async ({ fail }, input) => find(input.bookId) ?? fail(BookNotFound),
});

const BookLentV2 = defineEvent({
  type: "book.lent.v2",
  summary: "A book was lent.",
  subject: ["book", "bookId"],
  data: Type.Object({ bookId: Uuid, reader: Type.Object({ first: Type.String(), last: Type.String() }) }),
});
const BookLent = defineEvent({
  type: "book.lent.v1",
  summary: "A book was lent.",
  subject: ["book", "bookId"],
  data: Type.Object({ bookId: Uuid, reader: Type.String() }),
  deprecated: {
    ...deprecation,
    ...derivedFrom(BookLentV2, ({ bookId: id, reader: { first, last } }) => ({ bookId: id, reader: `${first} ${last}` })),
  },
});

const lend = {
  summary: "Lend a book.",
  allow: anyone("it is a test"),
  audit: { action: "Book.Lent", category: "Business", severity: "Info" },
  limit: { per: "address", points: 4, seconds: 600 },
  input: Type.Object({ bookId: Uuid }),
  output: Nothing,
} as const;
const lendBook = library.command("lendBook", {
  ...lend,
  http: "POST /api/v1/books/:bookId/lend",
  deprecated: { ...deprecation, replacedBy: "library.lendBook.v2" },
  async run({ emit }, input) {
    emit(BookLentV2, { bookId: input.bookId, reader: { first: "Ada", last: "Lovelace" } });
    return null;
  },
});
const lendBookV2 = library.command("lendBook.v2", {
  ...lend,
  http: "POST /api/v2/loans",
  async run({ emit }, input) {
    emit(BookLentV2, { bookId: input.bookId, reader: { first: "Ada", last: "Lovelace" } });
    return null;
  },
});
/** Not allowed: the old form is derived from the new one only, and a module never emits it. */
const lendAsBefore = library.command("lendAsBefore", {
  http: "POST /api/v1/lend-as-before",
  summary: "Emits an event that is derived from another.",
  allow: anyone("it is a test"),
  audit: { action: "Book.Lent", category: "Business", severity: "Info" },
  input: Type.Object({ bookId: Uuid }),
  output: Nothing,
  async run({ emit }, input) {
    emit(BookLent, { bookId: input.bookId, reader: "Ada Lovelace" });
    return null;
  },
});
const exportBooks = library.query("exportBooks", {
  http: "GET /api/v1/books-export",
  summary: "All books.",
  allow: anyone("it is a test"),
  document: true,
  input: Type.Object({}),
  output: Type.Object({ mediaType: Type.Unsafe<"text/csv">({ enum: ["text/csv"] }), fileName: Type.String(), text: Type.String() }),
  deprecated: { ...deprecation, instead: "There is no replacement; request the books one by one." },
  run: async () => ({ mediaType: "text/csv" as const, fileName: "books.csv", text: "title\n" }),
});

const operations: readonly Operation[] = [getBook, getBookV2, lendBook, lendBookV2, lendAsBefore, exportBooks];
const own: ModuleManifest = { module: library, operations, events: [BookLent as never, BookLentV2 as never], steps: [] };
const publicUrl = "http://127.0.0.1:8080";
const expected = {
  deprecation: "@1796083200",
  sunset: "Tue, 01 Jun 2027 00:00:00 GMT",
};
const linkOf = (name: string, successor?: string) =>
  `<${publicUrl}/docs#/library/${name}>; rel="deprecation"; type="text/html"${
    successor === undefined ? "" : `, <${publicUrl}${successor}>; rel="successor-version"`
  }`;

describe("a deprecated operation and its replacement", () => {
  let server: TestServer;
  let kernel: Kernel;
  let http: FastifyInstance;
  let rpc: Rpc;
  let person: Person;
  const known = catalogue([own]);

  beforeAll(async () => {
    server = await startTestServer();
    person = await newPerson(server);
    const { authenticate } = server.application;
    const publisher = new Publisher({ ...server.application.platform, formerVersions: formerVersionsOf(known) });
    const platform = { ...server.application.platform, publisher };
    kernel = new Kernel(known, platform);
    const serve = serveInProcess(kernel.dispatch, authenticate);
    http = httpServer({ catalogue: known, serve, publicUrl, trustProxy: noProxies, report: () => {} });
    rpc = inProcessRpc();
    for (const kind of ["query", "command"] as const) {
      const answering = { log: platform.log, database: platform.database, serviceCalls: "accept", publicUrl } as const;
      await respond(kind, { rpc, catalogue: known, serve, ...answering, report: () => {} });
    }
  });
  afterAll(async () => {
    await http.close();
    await kernel.auditBuffer.flush();
    await server.close();
  });

  const signed = () => ({ authorization: `Bearer ${person.token}` });
  const get = (url: string, headers: Record<string, string> = signed()) => http.inject({ url, headers });
  const noticeOf = ({ headers }: { headers: Record<string, unknown> }) => [headers["deprecation"], headers["sunset"], headers["link"]];
  const callsOf = async (operation: string) => {
    const { values } = await server.application.platform.metrics.deprecatedCalls.get();
    return Object.fromEntries(
      values.filter(({ labels }) => labels.operation === operation).map(({ labels, value }) => [labels.principal, value]),
    );
  };

  it("are both served, and only the deprecated one announces its sunset", async () => {
    const [old, fresh] = [await get(`/api/v1/books/${bookId}`), await get(`/api/v2/books/${bookId}`)];
    expect(old.json()).toEqual({ bookId, title: "Kiều", author: "Nguyễn Du" });
    expect(noticeOf(old)).toEqual([expected.deprecation, expected.sunset, linkOf("library.getBook", `/api/v2/books/${bookId}`)]);
    expect(fresh.json()).toEqual(book);
    expect(noticeOf(fresh)).toEqual([undefined, undefined, undefined]);
  });

  it("announce the deprecation with every error, also of authentication, routing and the body", async () => {
    const post = (payload: string, type = "application/json") =>
      http.inject({ method: "POST", url: `/api/v1/books/${bookId}/lend`, payload, headers: { "content-type": type } });
    const answers = [
      [404, await get(`/api/v1/books/${unknownId}`)],
      [401, await get(`/api/v1/books/${bookId}`, {})],
      [401, await get(`/api/v1/books/${bookId}`, { authorization: "Bearer ghs_unknown" })],
      [400, await get("/api/v1/books/none")],
      [400, await get(`/api/v1/books/${bookId}?more=1`)],
      [400, await post("{")],
      [415, await post("x", "text/plain")],
      [413, await post(`"${"x".repeat(300_000)}"`)],
    ] as const;
    for (const [status, answer] of answers) {
      expect(answer.statusCode, answer.body).toBe(status);
      expect(noticeOf(answer).slice(0, 2), answer.body).toEqual([expected.deprecation, expected.sunset]);
      expect(answer.headers["link"]).toContain('rel="deprecation"');
      expect(answer.json().success).toBe(false);
    }
    // No operation answers another method.
    expect(noticeOf(await http.inject({ method: "DELETE", url: `/api/v1/books/${bookId}` }))).toEqual([undefined, undefined, undefined]);
  });

  it("escape request parameters in the Link header", async () => {
    const answer = await get(`/api/v1/books/${encodeURIComponent('x>; rel="next", <\r\nset-cookie: a=b')}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.headers["link"]).toBe(
      linkOf("library.getBook", "/api/v2/books/x%3E%3B%20rel%3D%22next%22%2C%20%3C%0D%0Aset-cookie%3A%20a%3Db"),
    );
    expect(answer.headers["set-cookie"]).toBeUndefined();
  });

  it("announce the deprecation of a file download, without a successor where none is declared", async () => {
    const file = await get("/api/v1/books-export", {});
    expect([file.statusCode, file.body]).toEqual([200, "title\n"]);
    expect(noticeOf(file)).toEqual([expected.deprecation, expected.sunset, linkOf("library.exportBooks")]);
  });

  it("announce the deprecation over RPC, with the subject of the successor", async () => {
    const send = async (subject: string, call: object) => {
      const reply = await rpc.request(subject, Buffer.from(JSON.stringify(call)), { timeoutMs: 5_000 });
      return { body: JSON.parse(Buffer.from(reply.body).toString()) as AnyBody, headers: reply.headers };
    };
    const credential = { token: person.token, from: "header" };
    const headers = {
      "gatehouse-deprecation": expected.deprecation,
      "gatehouse-sunset": expected.sunset,
      "gatehouse-successor": "rpc.query.library.getBook.v2",
    };
    const old = await send("rpc.query.library.getBook", { input: { bookId }, credential });
    expect(old).toEqual({ body: { bookId, title: "Kiều", author: "Nguyễn Du" }, headers });
    const fresh = await send(headers["gatehouse-successor"], { input: { bookId }, credential });
    expect(fresh).toEqual({ body: book, headers: {} });
    expect((await send("rpc.query.library.getBook", { input: { bookId: unknownId }, credential })).headers).toEqual({
      ...headers,
      "gatehouse-status": "404",
    });
    expect((await send("rpc.query.library.getBook", { nonsense: true })).headers).toMatchObject({ ...headers, "gatehouse-status": "400" });
  });

  it("count deprecated calls by principal kind from 0 on, and log the user agent of each", async () => {
    expect(await callsOf("library.getBook.v2")).toEqual({});
    expect(await callsOf("library.exportBooks")).toMatchObject({ user: 0, operator: 0, system: 0 });
    const before = await callsOf("library.getBook");
    const agent = "old-client/1.2";
    await get(`/api/v1/books/${bookId}`, { ...signed(), "user-agent": agent });
    await get(`/api/v1/books/${unknownId}`, { ...signed(), "user-agent": agent });
    await get(`/api/v1/books/${bookId}`, { "user-agent": agent });
    const now = await callsOf("library.getBook");
    expect(now).toEqual({ ...before, user: Number(before["user"]) + 2, anonymous: Number(before["anonymous"]) + 1 });
    const lines = server.logged.filter((line) => line.userAgent === agent);
    expect(lines.map(({ operation, deprecated, userId }) => [operation, deprecated, userId])).toEqual([
      ["library.getBook", true, person.id],
      ["library.getBook", true, person.id],
      ["library.getBook", true, undefined],
    ]);
  });

  it("share one rate limit", async () => {
    const from = { remoteAddress: "10.1.2.3" };
    const old = () => http.inject({ method: "POST", url: `/api/v1/books/${bookId}/lend`, ...from });
    const fresh = () => http.inject({ method: "POST", url: "/api/v2/loans", payload: { bookId }, ...from });
    const statuses: number[] = [];
    for (const call of [old, fresh, old, fresh, old, fresh]) statuses.push((await call()).statusCode);
    expect(statuses).toEqual([204, 204, 204, 204, 429, 429]);
    const elsewhere = await http.inject({ method: "POST", url: `/api/v1/books/${bookId}/lend`, remoteAddress: "10.1.2.4" });
    expect(elsewhere.statusCode).toBe(204);
    expect(elsewhere.headers["link"]).toBe(linkOf("library.lendBook", "/api/v2/loans"));
  });

  it("publish an event in both versions in one transaction, the old form derived from the new one", async () => {
    const id = "0198a000-0000-7000-8000-0000000000ee";
    const answer = await http.inject({ method: "POST", url: "/api/v2/loans", payload: { bookId: id }, remoteAddress: "10.1.2.5" });
    expect(answer.statusCode).toBe(204);
    const logged = await eventsAbout(`book/${id}`);
    expect(logged.map(({ type, data }) => [type, data])).toEqual([
      ["book.lent.v2", { bookId: id, reader: { first: "Ada", last: "Lovelace" } }],
      ["book.lent.v1", { bookId: id, reader: "Ada Lovelace" }],
    ]);
    expect(new Set(logged.map(({ revision }) => revision))).toEqual(new Set([answer.headers["x-gatehouse-revision"]]));
    for (const { type, data } of logged) {
      const schema = eventSchemas(known)[type] as { properties: { data: object } };
      expect(Compile(schema.properties.data as never).Check(data), type).toBe(true);
    }
  });

  it("cannot emit the old form directly: the call fails with 500 and writes nothing", async () => {
    const id = "0198a000-0000-7000-8000-0000000000ef";
    const answer = await http.inject({ method: "POST", url: "/api/v1/lend-as-before", payload: { bookId: id } });
    expect(answer.statusCode).toBe(500);
    expect(await eventsAbout(`book/${id}`)).toEqual([]);
  });

  async function eventsAbout(subject: string) {
    return server.application.platform.database.read(everyTenant, (db) =>
      rowsOf(
        db,
        sql<{ type: string; data: unknown; revision: string }>`
    select type, data, transaction::text as revision from events where subject = ${subject} order by sequence`,
      ),
    );
  }

  it("are described in OpenAPI: the deprecated one with its sunset and its headers", async () => {
    const document = openapi(known, { version: "1", publicUrl }) as AnyBody;
    const [old, fresh] = [document.paths["/api/v1/books/{bookId}"].get, document.paths["/api/v2/books/{bookId}"].get];
    expect(old).toMatchObject({ operationId: "library.getBook", deprecated: true, "x-sunset": "2027-06-01" });
    expect(old.description).toContain(
      "**Deprecated** since 2026-12-01; may be gone from 2027-06-01 on. Read the authors one by one. " +
        "Replaced by `library.getBook.v2` (`GET /api/v2/books/:bookId`).",
    );
    for (const [status, response] of Object.entries<AnyBody>(old.responses)) {
      expect(Object.keys(response.headers), status).toEqual(expect.arrayContaining(["deprecation", "sunset", "link"]));
    }
    expect(fresh.operationId).toBe("library.getBook.v2");
    expect([fresh.deprecated, fresh["x-sunset"], fresh.responses[200].headers.sunset]).toEqual([undefined, undefined, undefined]);
    expect(Compile(document.components.headers.Deprecation.schema).Check(expected.deprecation)).toBe(true);
  });

  it("have event schemas: the deprecated one with its sunset", () => {
    const schemas = eventSchemas(known) as AnyBody;
    expect(schemas["book.lent.v1"]).toMatchObject({ deprecated: true, "x-sunset": "2027-06-01" });
    expect(schemas["book.lent.v1"].description).toContain("Replaced by `book.lent.v2`.");
    expect(schemas["book.lent.v2"]).not.toHaveProperty("deprecated");
  });
});
