import { words } from "./words.js";

/** Shows an application's name and first letter (parts.ts). Others chose the name, so it is only ever text. */
export function showClient({ name }) {
  for (const element of document.querySelectorAll("[data-client]")) element.textContent = name;
  const [first = "?"] = name.trim();
  for (const element of document.querySelectorAll("[data-client-mark]")) element.textContent = first.toLocaleUpperCase();
}

/** Lists what an application may see and do: in the words of the page where it knows the scope, else in those of the server. */
export function showScopes(scopes) {
  for (const list of document.querySelectorAll("[data-scopes]")) {
    list.replaceChildren(
      ...scopes.map(({ value, description }) => {
        const item = document.createElement("li");
        const sentence = document.createElement("bdi");
        sentence.textContent = Object.hasOwn(words.scopes, value) ? words.scopes[value] : description || value;
        item.append(sentence);
        return item;
      }),
    );
  }
}

/** Shows a link of an application if its address is one of the web, and hides it otherwise. */
export function showLink(link, address) {
  const isWeb = URL.canParse(address ?? "") && /^https?:$/.test(new URL(address).protocol);
  link.hidden = !isWeb;
  if (isWeb) link.href = address;
  else link.removeAttribute("href");
}
