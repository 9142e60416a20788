import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { masterKeyName } from "#platform/keys/aes.ts";
import { decodeMasterKey } from "#platform/keys/file.ts";
import type { DerivedKey, KeyRing } from "#platform/keys/keys.ts";
import { StartRefused } from "#platform/start-refused.ts";
import { type Configuration, isLoopback } from "./configuration.ts";
import { keyRing } from "./key-ring.ts";

/** What transport keys are derived from the master keys for. */
const purpose = "messages between processes";

type Named = Pick<
  Configuration,
  "transportKey" | "transportKeysOld" | "masterKey" | "masterKeysOld" | "dataDir" | "natsUrl" | "natsPrefix"
>;

/** The transport keys that follow from the master keys, the current one first. A key is named after itself: who has no other knows its name. */
export const transportKeysOf = (ring: KeyRing): readonly DerivedKey[] => ring.derive(purpose).map(({ key }) => named(key));

/**
 * The keys under which processes talk over NATS: those that are set, or those that follow from the master keys. A gateway has neither on a
 * machine of its user's own, where the processes with a master key leave theirs for it. Throws `StartRefused` where there is none.
 */
export function transportKeys(configuration: Named, ring?: KeyRing): readonly DerivedKey[] {
  const { transportKey, transportKeysOld, masterKey } = configuration;
  if (transportKey !== undefined) {
    const current = named(decodeMasterKey(transportKey, "GATEHOUSE_TRANSPORT_KEY"));
    const older = transportKeysOld.map((key) => named(decodeMasterKey(key, "GATEHOUSE_TRANSPORT_KEYS_OLD")));
    return [current, ...older, ...(ring === undefined ? [] : transportKeysOf(ring))];
  }
  const known = ring ?? (masterKey === undefined ? undefined : keyRing(configuration).keys);
  if (known !== undefined) return transportKeysOf(known);
  const left = fileOf(configuration);
  if (left !== undefined && existsSync(left)) return [named(decodeMasterKey(ownText(left), left))];
  throw new StartRefused(
    "GATEHOUSE_TRANSPORT_KEY is not set: the processes behind NATS answer nobody without it (`gatehouse keys transport` prints it).",
  );
}

/** Leaves the transport key for gateways of the same user on this machine. Only where NATS is on it too; elsewhere each is told the key. */
export function leaveTransportKey(configuration: Named): void {
  const file = fileOf(configuration);
  if (file === undefined || configuration.masterKey === undefined) return;
  const [{ key }] = transportKeys(configuration) as [DerivedKey];
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const next = `${file}.${process.pid}`;
    writeFileSync(next, `${key.toString("base64")}\n`, { mode: 0o600 });
    renameSync(next, file);
  } catch {
    // A home that cannot be written to: gateways are told the key.
  }
}

/** One for each NATS and prefix; undefined where NATS is not on this machine. */
function fileOf({ natsUrl, natsPrefix }: Named): string | undefined {
  if (natsUrl === undefined) return undefined;
  const { hostname, host } = new URL(natsUrl);
  if (!isLoopback(hostname.replace(/^\[|\]$/g, ""))) return undefined;
  const name = createHash("sha256").update(`${host} ${natsPrefix}`).digest("hex").slice(0, 32);
  return join(homedir(), ".gatehouse", "transport", name);
}

/** The text of a file that nobody else can have written or read. */
function ownText(file: string): string {
  const { uid, mode } = statSync(file);
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0) throw new StartRefused(`${file} is not this user's alone (0600).`);
  return readFileSync(file, "utf8").trim();
}

const named = (key: Buffer): DerivedKey => ({ name: masterKeyName(key), key });
