import { expect, it } from "vitest";
import { plainName } from "./plain-name.ts";

it.each([
  ["Ada\r\n\r\nPay now", "Ada Pay now"],
  ["Ada\u2028Pay\u0085now\u0000", "Ada Pay now"],
  ["https://evil.example/a", "https: / evil. example/a"],
  ["HTTPS:\\\\evil.example", "HTTPS: / evil. example"],
  ["evil\uFF0Eexample and evil\u3002example", "evil. example and evil. example"],
  ["a@evil.example", "a@ evil. example"],
  ["mailto:a", "mailto: a"],
  ["\u202Egro.live", "gro. live"],
  ["Dr.Smith", "Dr. Smith"],
  ["Wait... what", "Wait... what"],
  ["Nguyễn Thị Ánh", "Nguyễn Thị Ánh"],
  ["\u{1F469}\u200D\u{1F680}", "\u{1F469}\u200D\u{1F680}"],
])("a mail shows the name %j as %j", (name, shown) => {
  expect(plainName(name)).toBe(shown);
});

it("a mail cuts a name that is too long between two characters", () => {
  const shown = plainName("\u{1F469}".repeat(200));
  expect([...shown]).toHaveLength(60);
  expect(shown.endsWith("\u{1F469}…")).toBe(true);
});
