import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { isKnownToClient, parseEntityTags } from "./entity-tags.ts";

const server = serverOfSuite();
let person: Person;
beforeAll(async () => {
  person = await newPerson(server);
});

const me = "/api/v1/iam/users/me";
const current = async (): Promise<string> => (await server.call(`GET ${me}`, { token: person.token })).headers["etag"] as string;
const put = (ifMatch: string) =>
  server.call(`PUT ${me}`, { token: person.token, body: { firstName: "Mai" }, headers: { "if-match": ifMatch } });

describe("entity tags", () => {
  it.each([
    ["*", "*"],
    [' "3" ', [{ weak: false, opaque: "3" }]],
    ['W/"3"', [{ weak: true, opaque: "3" }]],
    [
      '"", "a,b" ,, W/"c"',
      [
        { weak: false, opaque: "" },
        { weak: false, opaque: "a,b" },
        { weak: true, opaque: "c" },
      ],
    ],
  ])("in the header %j are parsed", (header, tags) => expect(parseEntityTags(header)).toEqual(tags));

  it.each(["", ",", "3", '"3', '3"', 'w/"3"', 'W/ "3"', '"3" "4"', '"3", 4', '*, "3"', '"a b"', "'3'"])(
    "in the malformed header %j are rejected",
    (header) => expect(parseEntityTags(header)).toBeUndefined(),
  );

  it("are compared weakly by If-None-Match", () => {
    for (const header of ["*", 'W/"x"', '"x"', '"y", "x"', 'W/"y",W/"x"'])
      for (const etag of ['W/"x"', '"x"']) expect(isKnownToClient(header, etag), header).toBe(true);
    for (const header of [undefined, "", "x", '"y"', '"y", W/"z"', '"X"']) expect(isKnownToClient(header, '"x"')).toBe(false);
  });
});

describe("If-Match (RFC 9110 §13.1.1)", () => {
  it("matches where one tag of the list is the version", async () => {
    expectWritten(await put(`"7000", ${await current()}`), 200);
    expectWritten(await put(`${await current()},"xyz"`), 200);
    expectWritten(await put("*"), 200);
  });

  it("compares strongly: a weak tag, or a tag that is no version, does not match", async () => {
    const etag = await current();
    for (const header of [`W/${etag}`, `W/${etag}, "7000"`, etag.replace('"', '"0'), '"xyz"', '""', '"99999999999"'])
      expectError(await withoutTrace(server, () => put(header)), 412, "common.version_conflict", "If-Match");
    expect(await current()).toBe(etag);
  });

  it("is refused with 400 where it is malformed", async () => {
    for (const header of ["3", '"3', '"3" "4"', 'w/"3"', ","])
      expectError(await withoutTrace(server, () => put(header)), 400, "common.validation_failed", "If-Match");
  });
});

describe("If-None-Match (RFC 9110 §13.1.2)", () => {
  it.each(["/openapi.json", "/schemas/condition"])("of %s accepts lists of strong and weak tags", async (url) => {
    const { headers } = await server.call(`GET ${url}`);
    const opaque = String(headers["etag"]).replace("W/", "");
    for (const header of [opaque, `W/${opaque}`, `"other", W/${opaque}`, "*"])
      expect((await server.call(`GET ${url}`, { headers: { "if-none-match": header } })).status).toBe(304);
    for (const header of ['"other"', "other"])
      expect((await server.call(`GET ${url}`, { headers: { "if-none-match": header } })).status).toBe(200);
  });
});

describe("HEAD (RFC 9110 §9.3.2)", () => {
  it("answers as GET does, without the content, also without a credential", async () => {
    const get = await server.call(`GET ${me}`, { token: person.token });
    const head = await server.call(`HEAD ${me}`, { token: person.token });
    expectRead(get);
    expect([head.status, head.body]).toEqual([200, ""]);
    for (const name of ["etag", "content-type", "content-length", "cache-control"]) expect(head.headers[name]).toBe(get.headers[name]);
    expect((await server.call(`HEAD ${me}`)).status).toBe(401);
  });

  it("is supported for every GET route, and listed in Allow", async () => {
    const gets = server.application.kernel.catalogue.operations.filter(({ http }) => http?.startsWith("GET "));
    for (const { http } of gets) {
      const path = (http as string).slice(4).replaceAll(/:\w+/g, "0198c0de-0000-7000-8000-000000000000");
      expect((await server.call(`HEAD ${path}`)).status, path).toBe((await server.call(`GET ${path}`)).status);
    }
    const refused = await server.call(`PATCH ${me}`, { token: person.token, body: {} });
    expectError(refused, 405, "common.method_not_allowed");
    expect(refused.headers["allow"]).toBe("GET, HEAD, PUT");
    expect((await server.call("PATCH /api/v1/iam/users/%6De", { token: person.token, body: {} })).headers["allow"]).toBe("GET, HEAD, PUT");
  });
});

describe("Content-Encoding (RFC 9110 §8.4)", () => {
  const encoded = (coding: string, body: unknown = { firstName: "Mai" }) =>
    server.call(`PUT ${me}`, { token: person.token, body, headers: { "content-encoding": coding } });

  it.each(["gzip", "br", "deflate", "x-gzip", "identity, gzip", "GZIP", "nonsense"])(
    "%s gets 415 with the supported coding",
    async (coding) => {
      const answer = await withoutTrace(server, () => encoded(coding));
      expectError(answer, 415, "common.unsupported_content_encoding", "Content-Encoding");
      expect(answer.headers["accept-encoding"]).toBe("identity");
    },
  );

  it("identity, or any coding without content, is accepted, and an unknown address gets 404", async () => {
    expectWritten(await encoded("identity"), 200);
    expectRead(await server.call(`GET ${me}`, { token: person.token, headers: { "content-encoding": "gzip" } }));
    const unknownId = await server.call("POST /api/v1/iam/nothing", { body: {}, headers: { "content-encoding": "gzip" } });
    expectError(unknownId, 404, "common.not_found");
  });
});

describe("a filter by time", () => {
  it("includes the whole of a day, at both ends of the range", async () => {
    const { token } = await newAdministrator(server);
    await server.application.settled();
    const day = (shift: number) => new Date(Date.now() + shift * 86_400_000).toISOString().slice(0, 10);
    const found = async (search: Record<string, string>) => {
      const answer = await server.call(`GET /api/v1/audit/logs?${new URLSearchParams(search)}`, { token });
      expectRead(answer);
      return answer.body.items.length;
    };
    // Midnight may pass while the test runs.
    expect(await found({ from: day(-1), to: day(0) })).toBeGreaterThan(0);
    expect(await found({ from: day(-3), to: day(-2) })).toBe(0);
    expect(await found({ from: day(2), to: day(3) })).toBe(0);
    for (const wrong of ["2026-02-30", "2026-11", "yesterday", "27.11.2026"])
      for (const field of ["from", "to"])
        expectError(
          await server.call(`GET /api/v1/audit/logs?${new URLSearchParams({ [field]: wrong })}`, { token }),
          400,
          "common.validation_failed",
          field,
        );
  });
});
