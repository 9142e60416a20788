import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameKey } from "./name-key.ts";

describe("the key of a name", () => {
  it.each([
    ["Administrator", "ADMINISTRATOR", "administrator", "aDMINISTRATOR"],
    ["Admin", "Ａｄｍｉｎ", "𝐀𝐝𝐦𝐢𝐧", "Ⓐⓓⓜⓘⓝ", "Аdmin", "ΑDMIN", "аdmіn", "Admın"],
    ["Billing team", "  Billing   team ", "Billing\u00a0team", "Billing\u3000team", "Billing\tteam", "Billing\u2800team", "Billing\nteam"],
    [
      "Support",
      "Sup\u200bport",
      "\ufeffSupport",
      "Sup\u00adport",
      "S\u202eupport",
      "Support\ufe0f",
      "Sup\u2060port\u3164",
      "Support\u{e0041}",
    ],
    ["Owner", "Оwner", "ΟWNER", "0wner", "Օwner", "ｏｗｎｅｒ"],
    ["Kế toán", "Kê\u0301 toán", "KẾ TOÁN", "Ｋế toán", "Кế toán"],
    ["Straße", "STRASSE", "straße"],
    ["Σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ"],
    ["МОСКВА", "Москва", "москва"],
    ["TEAM BOB", "team ВОВ", "Теам bob"],
    ["Level 1", "Level l", "Level |"],
    ["a-b", "a‐b", "a–b", "a−b"],
    ["ﬁle", "file"],
  ])("is the same for all look-alikes: %j", (...names) => expect(new Set(names.map(nameKey)).size).toBe(1));

  it("is different for visibly different names", () => {
    const names = [
      "Mail",
      "Mall",
      "Ban",
      "Bán",
      "Bản",
      "Da",
      "Đa",
      "Team A",
      "TeamA",
      "Team-A",
      "Kho 1",
      "Kho 2",
      "東京",
      "京都",
      "и",
      "й",
      "ı2",
    ];
    expect(new Set(names.map(nameKey)).size).toBe(names.length);
  });

  it.each(["", " ", "\u200b", "\u3164\u2800", "\u202e\u2066", "\u{e0041}"])("is empty for an invisible name: %j", (name) =>
    expect(nameKey(name)).toBe(""),
  );

  it("is idempotent, the same in every case and normal form, and fits an index", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 255 }), (name) => {
        const key = nameKey(name);
        expect(key.length).toBeLessThanOrEqual(400);
        expect(nameKey(name.normalize("NFD"))).toBe(key);
        expect(nameKey(`\u200b${name} `)).toBe(key);
        if (!key.startsWith("#")) expect(nameKey(key)).toBe(key);
      }),
      { numRuns: 300 },
    );
    expect(nameKey("\ufdfa".repeat(255))).toMatch(/^#[\da-f]{64}$/);
    expect(nameKey("\ufdfa".repeat(254))).not.toBe(nameKey("\ufdfa".repeat(255)));
  });
});
