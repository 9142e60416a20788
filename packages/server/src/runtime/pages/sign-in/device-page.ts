import { codeField, form } from "../fields.ts";
import { html } from "../html.ts";
import type { Page } from "../page.ts";
import { step } from "../steps.ts";
import type { Texts } from "../texts.ts";
import { account, actions, clientSays, scopeList, signInForm } from "./parts.ts";
import { returnPath } from "./return-path.ts";

/**
 * Connects a device without a browser (RFC 8628 §3.3). A code in the address only fills the field: the user confirms that the device shows the
 * same one (§3.3.1), and a warning precedes the permission, because the code may come from an attacker (§5.4).
 */
export function devicePage(texts: Texts, userCode: string): Page {
  const { device } = texts;
  const otherCode = html`<p class="aside"><button type="button" class="link" data-go="code">${device.otherCode}</button></p>`;
  const here = userCode === "" ? "/oauth2/device" : returnPath(`/oauth2/device?user_code=${encodeURIComponent(userCode)}`);
  return {
    title: device.title,
    script: "device.js",
    body: html`${step(
      "code",
      device.title,
      html`<p class="lead">${device.lead}</p>
${form({ id: "code", call: "/oauth2/device/details", submit: device.continue, fields: codeField("code", device, userCode) })}`,
      { first: true },
    )}
${step("sign-in", texts.signIn.title, html`<p class="lead">${device.signInLead}</p>${signInForm(texts, here)}`)}
${step(
  "confirm",
  device.confirmTitle,
  html`<p class="lead">${device.compare}</p>
<p class="user-code"><code data-user-code></code></p>
<p class="note">${device.warning}</p>
${clientSays(device.consentLead)}
${scopeList}
${account(texts.signIn.signedInAs)}
${actions(html`<button type="button" data-action="allow">${device.allow}</button>
<button type="button" class="secondary" data-action="deny">${device.deny}</button>`)}`,
)}
${step("done", device.doneTitle, html`<p class="lead">${device.done}</p>`)}
${step("denied", device.deniedTitle, html`<p class="lead">${device.denied}</p>${otherCode}`)}`,
  };
}
