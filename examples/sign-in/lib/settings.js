/**
 * Where everything is, from environment variables, and what set-up.js has made, from `installation.json`.
 *
 * The two browser applications are at `localhost`, and Gatehouse at `127.0.0.1`. Cookies do not tell ports apart, so with one name for all the browser
 * would send the cookies of each to the others. In production these are different sites, too.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The issuer: `PUBLIC_URL` of the server. */
export const gatehouse = process.env["GATEHOUSE_URL"] ?? "http://127.0.0.1:8080";

export const addresses = {
  api: process.env["API_URL"] ?? "http://127.0.0.1:8091",
  spa: process.env["SPA_URL"] ?? "http://localhost:8092",
  web: process.env["WEB_URL"] ?? "http://localhost:8093",
};

/** Plain HTTP is for a server on this machine only. */
export const isInsecure = gatehouse.startsWith("http:");

/**
 * @typedef {object} Installation
 * @property {string} organizationId
 * @property {string} spaClientId
 * @property {{ readonly id: string, readonly secret: string }} webClient
 * @property {string} cliClientId
 * @property {{ readonly id: string, readonly secret: string }} serviceClient
 * @property {string} apiKey the key of the API, to verify the keys of its callers
 * @property {string} machineKey the key of the machine
 */

const file = process.env["INSTALLATION"] ?? join(import.meta.dirname, "..", "installation.json");

/** @returns {Installation} */
export function readInstallation() {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    console.error("There is no installation yet. Run `node set-up.js` first: it creates the clients that this program needs.");
    process.exit(1);
  }
}

/** It has secrets: only its owner may read it. */
export const writeInstallation = (/** @type {Installation} */ installation) => {
  writeFileSync(file, `${JSON.stringify(installation, null, 2)}\n`, { mode: 0o600 });
  return file;
};
