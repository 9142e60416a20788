import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { transportKey } from "./conformance/own-messages.ts";
import { encryptedMessages } from "./encrypted-messages.ts";
import { ReplayWindow } from "./replay-window.ts";

const [one, other] = [transportKey("AAAAAAAA"), transportKey("BBBBBBBB")];
const body = Buffer.from('{"password":"a quiet green harbour"}');
const about = "gatehouse.rpc.command.authentication.login\n_INBOX.x.1";
const textOf = (decrypted: ReturnType<ReturnType<typeof encryptedMessages>["decrypt"]>) =>
  typeof decrypted === "string" ? decrypted : decrypted.body.toString("utf8");

describe("messages between processes", () => {
  it("are readable by processes with the key only", () => {
    const [here, there] = [encryptedMessages([one]), encryptedMessages([one])];
    const message = here.encrypt("request", about, body);
    const written = JSON.parse(message.toString("utf8"));
    expect(Buffer.from(written, "base64url").toString("latin1")).not.toContain("quiet");
    expect(textOf(there.decrypt("request", about, message))).toBe(body.toString());
    expect(textOf(encryptedMessages([other]).decrypt("request", about, message))).toBe("unknown_key");
    expect(textOf(encryptedMessages([{ ...other, name: one.name }]).decrypt("request", about, message))).toBe("forged");
  });

  it("are bound to their kind, subject and reply subject", () => {
    const message = encryptedMessages([one]).encrypt("request", about, body);
    const there = encryptedMessages([one]);
    for (const kind of ["reply", "sign", "tell"] as const) expect(textOf(there.decrypt(kind, about, message))).toBe("forged");
    expect(textOf(there.decrypt("request", about.replace("login", "logout"), message))).toBe("forged");
    expect(textOf(there.decrypt("request", about.replace(/1$/, "2"), message))).toBe("forged");
    // A failed attempt does not use up the message.
    expect(textOf(there.decrypt("request", about, message))).toBe(body.toString());
  });

  it("are rejected if one bit was changed or the end is missing", () => {
    const message = encryptedMessages([one]).encrypt("request", about, body);
    const there = encryptedMessages([one]);
    const bytes = Buffer.from(JSON.parse(message.toString("utf8")), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >>> 3] = (changed[bit >>> 3] as number) ^ (1 << (bit & 7));
      const written = Buffer.from(JSON.stringify(changed.toString("base64url")));
      expect(["forged", "unknown_key"]).toContain(there.decrypt("request", about, written));
    }
    for (let length = 0; length < message.length; length += 1)
      expect(typeof there.decrypt("request", about, message.subarray(0, length))).toBe("string");
  });

  it("are accepted once and within a minute; replies and signs are accepted repeatedly", () => {
    let time = 1_700_000_000_000;
    const [here, there] = [encryptedMessages([one], () => time), encryptedMessages([one], () => time)];
    const [first, second] = [here.encrypt("request", about, body), here.encrypt("request", about, body)];
    expect(textOf(there.decrypt("request", about, second))).toBe(body.toString());
    expect(textOf(there.decrypt("request", about, second))).toBe("replayed");
    expect(textOf(there.decrypt("request", about, first))).toBe(body.toString());
    expect(textOf(there.decrypt("request", about, first))).toBe("replayed");
    const late = here.encrypt("request", about, body);
    time += 60_001;
    expect(textOf(there.decrypt("request", about, late))).toBe("expired");
    const early = encryptedMessages([one], () => time + 60_001).encrypt("tell", about, body);
    expect(textOf(there.decrypt("tell", about, early))).toBe("expired");
    const reply = here.encrypt("reply", about, body);
    for (let round = 0; round < 2; round += 1) expect(textOf(there.decrypt("reply", about, reply))).toBe(body.toString());
  });

  it("survive a key rotation: each process decrypts with both keys, and answers under the key of the request", () => {
    const [old, both, next] = [encryptedMessages([one, other]), encryptedMessages([other, one]), encryptedMessages([other])];
    const received = both.decrypt("request", about, old.encrypt("request", about, body));
    expect(received).toMatchObject({ key: one.name });
    const reply = both.encrypt("reply", about, body, one.name);
    expect(textOf(encryptedMessages([one]).decrypt("reply", about, reply))).toBe(body.toString());
    expect(textOf(next.decrypt("request", about, both.encrypt("request", about, body)))).toBe(body.toString());
    expect(textOf(next.decrypt("request", about, old.encrypt("request", about, body)))).toBe("unknown_key");
  });

  it("have a different ciphertext each time, also for the same plaintext", () => {
    const [here, there] = [encryptedMessages([one]), encryptedMessages([one])];
    const tails = [here, here, there].map((messages) => messages.encrypt("request", about, body).subarray(-body.length).toString("latin1"));
    expect(new Set(tails).size).toBe(3);
  });
});

describe("the replay window", () => {
  it("accepts each counter once, and none that is too old", () => {
    const size = ReplayWindow.size;
    const counters = fc.array(fc.oneof(fc.nat(3 * size), fc.nat(40), fc.integer({ min: size - 3, max: size + 3 })), { maxLength: 300 });
    fc.assert(
      fc.property(counters, (given) => {
        const window = new ReplayWindow();
        const taken = new Set<number>();
        let newest = -1;
        for (const counter of given) {
          const expected = !taken.has(counter) && counter > newest - size;
          expect(window.take(counter)).toBe(expected);
          taken.add(counter);
          newest = Math.max(newest, counter);
        }
      }),
    );
  });
});
