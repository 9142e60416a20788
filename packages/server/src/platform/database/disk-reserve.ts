import { statfsSync } from "node:fs";

/** The space that must stay free on the disk of embedded storage. */
export interface DiskReserve {
  readonly bytes: number;
  freeBytes(): number;
  /** True when less than the reserve is free: no write is allowed. */
  isShort(): boolean;
}

export const mebibyte = 1_048_576;
/** PostgreSQL allocates its write-ahead log in segments of 16 MiB; the rest is for a large statement and its rollback. */
const usualBytes = 64 * mebibyte;
/** On a small disk the usual reserve would leave nothing to use. */
const shareOfDisk = 4;

/**
 * The reserve on the file system of a folder. Checked before each statement: `statfs` takes microseconds. A file system that
 * does not report its free space is never short.
 */
export function diskReserve(folder: string, bytes?: number): DiskReserve {
  const reserve = bytes ?? Math.min(usualBytes, Math.floor(sizeOf(folder) / shareOfDisk));
  const freeBytes = (): number => {
    try {
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize;
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  };
  return { bytes: reserve, freeBytes, isShort: () => freeBytes() < reserve };
}

function sizeOf(folder: string): number {
  const { blocks, bsize } = statfsSync(folder);
  return blocks * bsize;
}

/** A message for the operator: the free and the required space. */
export const shortageOf = ({ bytes, freeBytes }: DiskReserve): string =>
  `${Math.floor(freeBytes() / mebibyte)} MiB are free on the disk of GATEHOUSE_DATA_DIR, and ${Math.floor(bytes / mebibyte)} MiB must stay free`;
