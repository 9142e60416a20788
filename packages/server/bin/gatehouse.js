#!/usr/bin/env node
// Plain JavaScript, so that any Node can begin here: an older one hands over to the one that the package brings.
import { spawn } from "node:child_process";
import { createRequire, enableCompileCache } from "node:module";
import { dirname, join } from "node:path";

const [major, minor] = process.versions.node.split(".").map(Number);
const runsTypeScript = major > 22 || (major === 22 && minor >= 18);

if (runsTypeScript) {
  // Compiled once: later starts read the compiled modules back.
  enableCompileCache?.();
  const { main } = await import("../src/runtime/cli/main.ts");
  await main(process.argv.slice(2));
} else {
  const node = bundledNode();
  const child = spawn(node, [process.argv[1], ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
}

/** The Node that the `node` package has installed beside us. */
function bundledNode() {
  try {
    const require = createRequire(import.meta.url);
    return join(dirname(require.resolve("node/package.json")), "bin", process.platform === "win32" ? "node.exe" : "node");
  } catch {
    console.error(`Gatehouse needs Node 22.18 or later; this is ${process.version}. Run \`npm ci\`, which brings one, or install Node 24.`);
    process.exit(78);
  }
}
