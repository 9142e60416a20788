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

/** The label of the key derivation. Changing it changes the keys. */
const purpose = "messages between processes";

type Named = Pick<
  Configuration,
  "transportKey" | "transportKeysOld" | "masterKey" | "masterKeysOld" | "dataDir" | "natsUrl" | "natsPrefix"
>;

/** The transport keys derived from the master keys, the current one first. A key's identifier is derived from the key. */
export const transportKeysOf = (ring: KeyRing): readonly DerivedKey[] => ring.derive(purpose).map(({ key }) => named(key));

/**
 * The keys of messages over NATS: the configured ones, or those derived from the master keys. A gateway with neither reads the file that
 * processes of the same user on this machine write. Throws `StartRefused` where there is none.
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
  const file = fileOf(configuration);
  if (file !== undefined && existsSync(file)) return [named(decodeMasterKey(ownText(file), file))];
  throw new StartRefused(
    "GATEHOUSE_TRANSPORT_KEY is not set: processes behind NATS answer only callers that have it (`gatehouse keys transport` prints it).",
  );
}

/** Writes the transport key for gateways of the same user on this machine, where NATS is on it too. Elsewhere the key is configured. */
export function writeTransportKeyFile(configuration: Named): void {
  const file = fileOf(configuration);
  if (file === undefined || configuration.masterKey === undefined) return;
  const [{ key }] = transportKeys(configuration) as [DerivedKey];
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const next = `${file}.${process.pid}`;
    writeFileSync(next, `${key.toString("base64")}\n`, { mode: 0o600 });
    renameSync(next, file);
  } catch {
    // The home directory is not writable: gateways need the key in their configuration.
  }
}

/** One file for each NATS server and prefix; undefined where NATS is not on this machine. */
function fileOf({ natsUrl, natsPrefix }: Named): string | undefined {
  if (natsUrl === undefined) return undefined;
  const { hostname, host } = new URL(natsUrl);
  if (!isLoopback(hostname.replace(/^\[|\]$/g, ""))) return undefined;
  const name = createHash("sha256").update(`${host} ${natsPrefix}`).digest("hex").slice(0, 32);
  return join(homedir(), ".gatehouse", "transport", name);
}

/** The text of a file that only this user can have written or read. */
function ownText(file: string): string {
  const { uid, mode } = statSync(file);
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0) throw new StartRefused(`${file} is not this user's alone (0600).`);
  return readFileSync(file, "utf8").trim();
}

const named = (key: Buffer): DerivedKey => ({ name: masterKeyName(key), key });
