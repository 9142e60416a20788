import { afterAll, beforeAll } from "vitest";
import { startTestServer, type TestServer } from "./server.ts";

/** Opens a resource before the first test of the suite that calls this, and closes it after the last. Returns how to read it. */
export function ofSuite<Resource>(open: () => Promise<Resource>, close?: (resource: Resource) => Promise<void>): () => Resource {
  let opened: Resource | undefined;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => {
    if (opened !== undefined) await close?.(opened);
  });
  return () => {
    if (opened === undefined) throw new Error("read before the suite has started: read it in a test or in beforeAll");
    return opened;
  };
}

/** A server of the suite that calls this, started before its first test and closed after its last. */
export function serverOfSuite(...options: Parameters<typeof startTestServer>): TestServer {
  const started = ofSuite(
    () => startTestServer(...options),
    (server) => server.close(),
  );
  return {
    get application() {
      return started().application;
    },
    get http() {
      return started().http;
    },
    get clock() {
      return started().clock;
    },
    get logged() {
      return started().logged;
    },
    get configuration() {
      return started().configuration;
    },
    call: (route, options) => started().call(route, options),
    mail: (to, template, about) => started().mail(to, template, about),
    startAnother: (options) => started().startAnother(options),
    close: () => started().close(),
  };
}
