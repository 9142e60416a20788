/** The sessions of this application, in memory: a restart signs everybody out here, and not at Gatehouse. */
import { randomBytes } from "node:crypto";
import { addresses } from "../lib/settings.js";

/**
 * @typedef {import("../lib/server.js").Request} Request
 * @typedef {import("../lib/server.js").Response} Response
 *
 * @typedef {object} Session
 * @property {string} name
 * @property {string} email
 * @property {string} organization
 * @property {string} sid the session of Gatehouse
 * @property {string} accessToken
 * @property {string} refreshToken
 * @property {string} idToken
 * @property {number} expiresAt of the access token, in milliseconds
 * @property {number} refreshes how often the access token was replaced
 * @property {Promise<void> | undefined} [refreshing]
 *
 * @typedef {{ readonly pkceCodeVerifier: string, readonly expectedState: string, readonly expectedNonce: string }} Checks
 */

/** A user signs in within this time, with a second factor from a mail. */
const signInSeconds = 3_600;
/** Sign-ins begin without a credential, so their number is bounded. The oldest goes first. */
const signInsMax = 10_000;
const sessionSeconds = 12 * 3_600;

export class Sessions {
  /** @type {Map<string, Session>} */
  #sessions = new Map();
  /** @type {Map<string, { readonly checks: Checks, readonly until: number }>} */
  #signIns = new Map();

  /**
   * @param {Request} request
   * @returns {Session | undefined}
   */
  of(request) {
    return this.#sessions.get(cookieOf(request, "orders_session"));
  }

  /**
   * @param {Response} response
   * @param {Omit<Session, "refreshes">} session
   */
  begin(response, session) {
    const id = newId();
    this.#sessions.set(id, { ...session, refreshes: 0 });
    setTimeout(() => this.#sessions.delete(id), sessionSeconds * 1_000).unref();
    setCookie(response, "orders_session", id, sessionSeconds);
  }

  /**
   * @param {Request} request
   * @param {Response} response
   */
  end(request, response) {
    const session = this.of(request);
    this.#sessions.delete(cookieOf(request, "orders_session"));
    setCookie(response, "orders_session", "", 0);
    return session;
  }

  /** @param {Session} session */
  forget(session) {
    this.#remove((one) => one === session);
  }

  /** @param {string} sid */
  endAll(sid) {
    this.#remove((one) => one.sid === sid);
  }

  /** @param {(session: Session) => boolean} matches */
  #remove(matches) {
    for (const [id, session] of this.#sessions) if (matches(session)) this.#sessions.delete(id);
  }

  /**
   * Remembers what the answer to a sign-in must have.
   *
   * @param {Response} response
   * @param {Checks} checks
   */
  expect(response, checks) {
    const id = newId();
    const [oldest] = this.#signIns.keys();
    if (this.#signIns.size >= signInsMax && oldest !== undefined) this.#signIns.delete(oldest);
    this.#signIns.set(id, { checks, until: Date.now() + signInSeconds * 1_000 });
    setCookie(response, "orders_sign_in", id, signInSeconds);
  }

  /**
   * What the answer must have. It is used once.
   *
   * @param {Request} request
   * @param {Response} response
   */
  expected(request, response) {
    const id = cookieOf(request, "orders_sign_in");
    const signIn = this.#signIns.get(id);
    this.#signIns.delete(id);
    setCookie(response, "orders_sign_in", "", 0);
    return signIn !== undefined && signIn.until > Date.now() ? signIn.checks : undefined;
  }
}

const newId = () => randomBytes(32).toString("base64url");

/**
 * @param {Request} request
 * @param {string} name
 */
function cookieOf({ headers }, name) {
  const pairs = (headers.cookie ?? "").split("; ").map((pair) => pair.split("="));
  return pairs.find(([one]) => one === name)?.[1] ?? "";
}

/**
 * @param {Response} response
 * @param {string} name
 * @param {string} value
 * @param {number} seconds
 */
function setCookie(response, name, value, seconds) {
  const secure = addresses.web.startsWith("https:") ? "; Secure" : "";
  response.appendHeader("set-cookie", `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`);
}
