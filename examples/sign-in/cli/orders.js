/**
 * A command-line tool: a public client with the device flow (RFC 8628), by `openid-client`. The user signs in in a browser, on this or another device,
 * so the tool never sees a password, and works over SSH. Tokens are in a file that only its owner can read.
 *
 *     node cli/orders.js login | whoami | list | approve <id> | refresh | logout
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as openid from "openid-client";
import { addresses, gatehouse, isInsecure, readInstallation } from "../lib/settings.js";

const file = process.env["ORDERS_TOKENS"] ?? join(import.meta.dirname, "tokens.json");
const scope = "openid profile email organization offline_access Orders.Read Orders.Approve";
const options = isInsecure ? { execute: [openid.allowInsecureRequests] } : {};
const configuration = await openid.discovery(new URL(gatehouse), readInstallation().cliClientId, undefined, openid.None(), options);

/** A failure that the user can do something about. */
class Problem extends Error {}

const notSignedIn = () => new Problem("You are not signed in. Run: node cli/orders.js login");

/** @type {Readonly<Record<string, (argument: string) => Promise<void>>>} */
const commands = {
  async login() {
    const started = await openid.initiateDeviceAuthorization(configuration, { scope });
    console.log(`Open ${started.verification_uri} and enter the code ${started.user_code}`);
    console.log(`Or open ${started.verification_uri_complete}, and compare the code.`);
    const tokens = await openid.pollDeviceAuthorizationGrant(configuration, started);
    keep(tokens, tokens.claims()?.sub ?? "");
    console.log("Signed in.");
  },

  async whoami() {
    const { accessToken, subject } = await usable();
    const { name, email, organization } = await openid.fetchUserInfo(configuration, accessToken, subject);
    console.log(`${name} (${email}) in ${/** @type {{ name: string } | null | undefined} */ (organization)?.name ?? "no organization"}`);
  },

  async list() {
    const { items } = await callApi("GET", "/orders");
    for (const { id, item, approvedBy } of items) console.log(`${id}  ${approvedBy === "" ? "open    " : "approved"}  ${item}`);
  },

  async approve(id) {
    await callApi("POST", `/orders/approve?id=${encodeURIComponent(id)}`);
    console.log(`Order ${id} is approved.`);
  },

  /** Happens by itself before a token expires; this command shows it. */
  async refresh() {
    await refresh(stored());
    console.log("The tokens are new.");
  },

  /** Revokes the refresh token (RFC 7009). The browser in which the user has allowed the tool stays signed in. */
  async logout() {
    const { refreshToken } = stored();
    rmSync(file);
    await openid.tokenRevocation(configuration, refreshToken);
    console.log("Signed out.");
  },
};

/** @typedef {{ readonly accessToken: string, readonly refreshToken: string, readonly subject: string, readonly expiresAt: number }} Stored */

/** @returns {Stored} */
function stored() {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw notSignedIn();
  }
}

/**
 * @param {openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers} tokens
 * @param {string} subject
 */
function keep(tokens, subject) {
  const expiresAt = Date.now() + (tokens.expiresIn() ?? 0) * 1_000;
  const kept = { accessToken: tokens.access_token, refreshToken: tokens.refresh_token ?? "", subject, expiresAt };
  writeFileSync(file, JSON.stringify(kept), { mode: 0o600 });
  return kept;
}

/** A little earlier than a token expires, so that it does not on the way. */
const refreshBeforeMs = 30_000;

/** Tokens with an access token that has not expired. */
async function usable() {
  const tokens = stored();
  return Date.now() < tokens.expiresAt - refreshBeforeMs ? tokens : refresh(tokens);
}

/**
 * A refresh token is used once. The next one is stored before anything else uses it.
 *
 * @param {Stored} tokens
 */
const refresh = async ({ refreshToken, subject }) => keep(await openid.refreshTokenGrant(configuration, refreshToken), subject);

/**
 * @param {string} method
 * @param {string} path
 */
async function callApi(method, path) {
  const { accessToken } = await usable();
  const response = await fetch(addresses.api + path, { method, headers: { authorization: `Bearer ${accessToken}` } });
  const answer = await response.json();
  if (response.ok) return answer;
  if (response.status === 401) throw new Problem(`${answer.error.message} Run: node cli/orders.js login`);
  throw new Problem(`${answer.error.message} (${answer.error.code})`);
}

/**
 * What an error of OAuth means to the user of this tool.
 *
 * @param {unknown} error
 */
function sentenceOf(error) {
  if (error instanceof Problem) return error.message;
  if (!(error instanceof openid.ResponseBodyError)) return `Gatehouse or the API cannot be reached: ${error}`;
  if (error.error === "access_denied") return "The request was denied in the browser.";
  if (error.error === "expired_token") return "The code has expired. Run the command again.";
  if (error.error === "invalid_grant") return "Your session has ended. Run: node cli/orders.js login";
  return `${error.error}: ${error.error_description}`;
}

const [name = "", argument = ""] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
try {
  if (command === undefined || (name === "approve") !== (argument !== ""))
    throw new Problem("Use: login, whoami, list, approve <id>, refresh, logout");
  await command(argument);
} catch (error) {
  console.error(sentenceOf(error));
  process.exitCode = 1;
}
