import { html } from "./html.ts";
import { asset, type Page } from "./page.ts";
import type { Texts } from "./texts.ts";

/** The API, rendered by Swagger UI from /openapi.json. `assetsVersion` changes the addresses of its files with each version. */
export function docsPage({ docs }: Texts, assetsVersion: string): Page {
  const file = (name: string) => `/docs/assets/${name}?v=${encodeURIComponent(assetsVersion)}`;
  return {
    title: docs.title,
    hasMain: true,
    script: "docs.js",
    head: html`<link rel="stylesheet" href="${file("swagger-ui.css")}">
<link rel="stylesheet" href="${asset("docs.css")}">
<script defer src="${file("swagger-ui-bundle.js")}"></script>`,
    body: html`<div id="swagger-ui"><h1>${docs.title}</h1><p class="lead" role="status">${docs.loading}</p></div>
<p class="hint"><a href="/openapi.json">${docs.raw}</a></p>`,
  };
}
