import type { ErrorOut, KoaContextWithOIDC } from "oidc-provider";

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
<body><main><h1>${escaped(title)}</h1>${content}</main></body>
</html>
`;
}

/** An error of a request that cannot be sent back to its client: the client or its redirect is not known. */
export async function renderError(ctx: KoaContextWithOIDC, out: ErrorOut): Promise<void> {
  const description = out.error_description === undefined ? "" : `<p>${escaped(out.error_description)}</p>`;
  page(ctx, "This request cannot be completed", `${description}<p><code>${escaped(out.error)}</code></p>`);
}

/** Asks whether to sign out: another site may have sent the user here. */
export async function renderLogout(ctx: KoaContextWithOIDC, form: string): Promise<void> {
  const name = ctx.oidc.client?.clientName;
  const from = name === undefined ? "" : `<p>${escaped(name)} asks you to sign out.</p>`;
  page(
    ctx,
    "Sign out?",
    `${from}${form}<p><button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
<button type="submit" form="op.logoutForm">Stay signed in</button></p>`,
  );
}

export async function renderSignedOut(ctx: KoaContextWithOIDC): Promise<void> {
  ctx.status = 303;
  ctx.redirect("/signed-out");
}
