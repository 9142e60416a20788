import type { ErrorOut, KoaContextWithOIDC } from "oidc-provider";
import { logoutPage } from "./routes.ts";

/** A page without scripts. Only what it contains may be loaded or sent. */
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function page(ctx: KoaContextWithOIDC, title: string, content: string): void {
  ctx.set({
    "content-security-policy": policy,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
  });
  ctx.type = "html";
  ctx.body = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escaped(title)}</title><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/pages/assets/base.css"><link rel="stylesheet" href="/pages/assets/pages.css"></head>
<body><main class="page"><h1>${escaped(title)}</h1>${content}</main></body>
</html>
`;
}

/** An error of a request that cannot be sent back to its client: the client or its redirect is not known. */
export async function renderError(ctx: KoaContextWithOIDC, out: ErrorOut): Promise<void> {
  const description = out.error_description === undefined ? "" : `<p>${escaped(out.error_description)}</p>`;
  page(ctx, "This request cannot be completed", `${description}<p><code>${escaped(out.error)}</code></p>`);
}

/** Asks whether to sign out, on a page: another site may have sent the user here. */
export async function renderLogout(ctx: KoaContextWithOIDC): Promise<void> {
  ctx.status = 303;
  ctx.redirect(logoutPage);
}

export async function renderSignedOut(ctx: KoaContextWithOIDC): Promise<void> {
  ctx.status = 303;
  ctx.redirect("/signed-out");
}
