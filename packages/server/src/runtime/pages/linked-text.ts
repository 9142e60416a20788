import { html, type Part } from "./html.ts";

/** What ends a sentence or a bracket is not the end of the address before it. */
const trailing = /[.,;:!?"'”’»)\]}>]+$/;

/** A plain text, with its http and https addresses to click on. No other scheme becomes a link. */
export function linkedText(text: string): Part {
  return text.split(/(https?:\/\/[^\s<>]+)/i).map((piece, at) => {
    // The pattern has one group, so every second piece is an address.
    if (at % 2 === 0) return piece;
    const address = piece.replace(trailing, "");
    return html`<a href="${address}" rel="noopener noreferrer" target="_blank">${address}</a>${piece.slice(address.length)}`;
  });
}
