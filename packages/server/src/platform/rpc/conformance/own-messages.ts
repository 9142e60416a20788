import { randomBytes } from "node:crypto";
import type { Distrust } from "../../keys/authenticator.ts";
import { encryptedMessages, type MessageKind } from "../encrypted-messages.ts";

export const transportKey = (name = "AAAAAAAA", key = randomBytes(32)) => ({ name, key });

/** The messages of a process of a separate installation, or of the one with these keys, and a list of what it distrusted. */
export function ownMessages(keys = [transportKey()]) {
  const distrust: string[] = [];
  return {
    messages: encryptedMessages(keys),
    distrust,
    distrusted: (kind: MessageKind, why: Distrust): void => void distrust.push(`${kind} ${why}`),
  };
}
