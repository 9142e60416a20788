import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authenticate } from "../kernel/authenticators.ts";
import type { InternalDispatch } from "../kernel/internal-dispatch.ts";
import type { ErrorDefinition } from "./errors.ts";
import type { ModuleProcess } from "./module-process.ts";
import type { Origin } from "./origin.ts";
import type { Transact } from "./transact.ts";

/**
 * An HTTP application of a module: a protocol whose requests and answers are not operations (docs/decisions/0056). Processes with the role
 * `command` run it; others send them the whole request.
 */
export interface HttpApp {
  /** Names it in RPC subjects. */
  readonly name: string;
  /** Its routes in the form of an operation's: `"GET /oauth2/auth/:uid"`. A GET route serves HEAD, too. */
  readonly routes: readonly string[];
  /** Its errors that have the error envelope. */
  readonly errors?: readonly ErrorDefinition[];
  /** Called once in each process that runs it. */
  readonly open: (process: HttpAppProcess) => OpenHttpApp;
}

/** The dependencies of an HTTP application. */
export interface HttpAppProcess extends ModuleProcess {
  readonly dispatch: InternalDispatch;
  /** Runs a transaction with the module's effects. */
  readonly transact: Transact;
  /** The functions of the modules that this one uses that answer from in-process caches. */
  // biome-ignore lint/suspicious/noExplicitAny: the APIs' types are known to the module, which declares what it uses
  readonly cached: any;
  /** Resolves a token to its principal, by the authenticators of all modules. */
  readonly authenticate: Authenticate;
}

export interface OpenHttpApp {
  readonly handle: HttpHandler;
  /** Called when the process ends. */
  close?(): Promise<void>;
}

/**
 * Answers a request. Resolves when the answer has been given to `response`. A rejection before its headers are sent is answered with the
 * error envelope. `origin` has the client's address behind the trusted proxies: an application uses no other.
 */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse, origin: Origin) => Promise<void>;

/**
 * The largest body of a request. Protocol requests have a few kilobytes, and a gateway holds each in memory before it sends it on.
 */
export const httpAppBodyBytesMax = 56 * 1024;
