/**
 * The API that the other examples call. It shows how an application with an API of its own verifies access tokens (RFC 9068) and API keys, and
 * asks Gatehouse what the caller may do (callers.js). Orders are in memory.
 *
 *     GET  /orders               the orders of the caller's organization; needs Orders.Read
 *     POST /orders/approve?id=…  approves one; needs Orders.Approve
 */
import { Refusal, sendJson, serve } from "../lib/server.js";
import { addresses, readInstallation } from "../lib/settings.js";
import { authorize } from "./callers.js";

const { organizationId: ofExample } = readInstallation();

/** By organization first: there is no way to the orders of another one. */
const orders = new Map([
  [
    ofExample,
    [
      { id: "1001", item: "Sea charts of the harbour", approvedBy: "" },
      { id: "1002", item: "Two anchors", approvedBy: "" },
    ],
  ],
]);

/** @type {Readonly<Record<string, import("../lib/server.js").Handler>>} */
const routes = {
  async "GET /orders"(request, response) {
    allowSpa(response);
    const { organizationId } = await authorize(request, "Orders.Read");
    sendJson(response, { items: orders.get(organizationId) ?? [] });
  },
  async "POST /orders/approve"(request, response, url) {
    allowSpa(response);
    const { id, organizationId } = await authorize(request, "Orders.Approve");
    const order = orders.get(organizationId)?.find((one) => one.id === url.searchParams.get("id"));
    if (order === undefined) throw new Refusal(404, "order_not_found", "There is no such order.");
    order.approvedBy = id;
    sendJson(response, order);
  },
  "OPTIONS /orders": answerPreflight,
  "OPTIONS /orders/approve": answerPreflight,
};

/**
 * Scripts of the single-page application may read the answers (Fetch, CORS). No cookie is involved: a caller needs the token.
 *
 * @param {import("../lib/server.js").Response} response
 */
function allowSpa(response) {
  response.setHeader("access-control-allow-origin", addresses.spa);
  response.setHeader("vary", "origin");
}

/**
 * @param {import("../lib/server.js").Request} _request
 * @param {import("../lib/server.js").Response} response
 */
function answerPreflight(_request, response) {
  allowSpa(response);
  response.writeHead(204, { "access-control-allow-methods": "GET, POST", "access-control-allow-headers": "authorization" });
  response.end();
}

serve(addresses.api, routes, (response, { status, code, message, headers }) => {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  sendJson(response, { error: { code, message } }, status);
});
