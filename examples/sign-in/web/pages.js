/** The pages, and how they are sent. Every value is escaped where it is inserted, and no page has a script. */
import { gatehouse } from "../lib/settings.js";

/** @typedef {import("../lib/server.js").Response} Response */

const escaped = (/** @type {unknown} */ text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** A tag for templates: values are text, except for those that are templates themselves. */
class Html extends String {}
const html = (/** @type {TemplateStringsArray} */ strings, /** @type {readonly unknown[]} */ ...values) =>
  new Html(strings.map((text, index) => text + [values[index] ?? ""].flat().map(asHtml).join("")).join(""));
const asHtml = (/** @type {unknown} */ value) => (value instanceof Html ? value : escaped(value));

/** @param {string} action @param {string} label @param {unknown} [fields] */
const form = (action, label, fields = "") => html`<form method="post" action="${action}">${fields}<button>${label}</button></form>`;

export const showWelcome = () => html`<p>This application does not know you yet.</p>${form("/sign-in", "Sign in")}`;

/** @param {import("./sessions.js").Session & { readonly orders: readonly any[], readonly refused?: string }} shown */
export const showOrders = ({ name, email, organization, refreshes, orders, refused }) =>
  html`<p>Signed in as <strong>${name}</strong> (${email}) in <strong>${organization}</strong>.</p>
${refused === undefined ? html`<ul>${orders.map(showOrder)}</ul>` : html`<p class="error" role="alert">Orders are refused: ${refused}</p>`}
<p class="note">Access tokens refreshed: ${refreshes}</p>
<div class="actions">${form("/refresh", "Refresh the token")}${form("/sign-out", "Sign out")}</div>`;

/** @param {{ readonly id: string, readonly item: string, readonly approvedBy: string }} order */
const showOrder = ({ id, item, approvedBy }) =>
  html`<li><span>${id}: ${item}</span> ${
    approvedBy === "" ? form("/approve", "Approve", html`<input type="hidden" name="id" value="${id}">`) : html`<em>approved</em>`
  }</li>`;

/** @param {{ readonly code: string, readonly message: string }} refusal */
export const showRefusal = ({ code, message }) =>
  html`<p class="error" role="alert">${message}</p><p class="note">${code}</p><p><a href="/">Continue</a></p>`;

/**
 * `form-action` names Gatehouse, because the forms to sign in and out are redirected there.
 *
 * @param {Response} response
 * @param {Html} content
 * @param {number} [status]
 */
export function sendPage(response, content, status = 200) {
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": `default-src 'none'; style-src 'self'; form-action 'self' ${gatehouse}; frame-ancestors 'none'; base-uri 'none'`,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
  response.end(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Orders</title><link rel="stylesheet" href="/style.css"></head>
<body><main><h1>Orders</h1>${content}</main></body>
</html>
`);
}

/**
 * @param {Response} response
 * @param {string | URL} location
 */
export const redirect = (response, location) =>
  void response.writeHead(303, { location: String(location), "cache-control": "no-store" }).end();
