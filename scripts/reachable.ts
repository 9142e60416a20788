/** `node scripts/reachable.ts postgresql`: exits 0 when the service answers, 1 when it does not. */
import { postgresAnswers } from "@gatehouse/testing/postgres.ts";

const probes: Readonly<Record<string, () => Promise<boolean>>> = { postgresql: postgresAnswers };
const probe = probes[process.argv[2] ?? ""];
process.exitCode = probe !== undefined && (await probe()) ? 0 : 1;
