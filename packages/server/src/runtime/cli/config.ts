import { variables } from "../variables.ts";
import type { Command } from "./command.ts";

export const configCommand: Command = {
  words: ["config"],
  usage: "gatehouse config",
  does: "List every variable of the configuration: what it takes, its default, and what it means.",
  async run() {
    const lines = variables.map((variable) => {
      const value = process.env[variable.name];
      const set = value === undefined || value === "" ? "" : `\n    now: ${variable.secret ? "[set]" : value}`;
      return `${variable.name}\n    ${variable.meaning}\n    takes ${variable.takes}; default: ${variable.fallbackText ?? String(variable.fallback)}${set}`;
    });
    const file = "GATEHOUSE_CONFIG\n    a file with lines of NAME=value; the environment takes precedence";
    process.stdout.write(`${[...lines, file].join("\n")}\n`);
  },
};
