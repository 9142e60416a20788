import { readConfiguration } from "../configuration.ts";
import type { Command } from "./command.ts";
import type { Finding } from "./doctor/check.ts";
import { checks } from "./doctor/checks.ts";

export const doctorCommand: Command = {
  words: ["doctor"],
  usage: "gatehouse doctor",
  does: "Check everything that a start depends on and report what is wrong.\nChanges nothing; exits 1 when something is wrong.",
  async run() {
    const configuration = readConfiguration(process.env);
    const findings: Finding[] = [];
    for (const check of checks) findings.push(...(await check(configuration)));
    for (const finding of findings) process.stdout.write(`${labelOf(finding)} ${finding.what}\n`);
    if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
  },
};

const labelOf = ({ ok, warning }: Finding): string => (ok ? (warning ? "warn " : "ok   ") : "WRONG");
