import { type HtmlValue, html } from "./html.ts";

/** Punctuation after an address is not part of it. */
const trailing = /[.,;:!?"'”’»)\]}>]+$/;

/** A plain text whose http and https addresses are links. No other scheme becomes a link. */
export function linkedText(text: string): HtmlValue {
  return text.split(/(https?:\/\/[^\s<>]+)/i).map((piece, at) => {
    // The pattern has one group, so every second piece is an address.
    if (at % 2 === 0) return piece;
    const address = piece.replace(trailing, "");
    return html`<a href="${address}" rel="noopener noreferrer" target="_blank">${address}</a>${piece.slice(address.length)}`;
  });
}
