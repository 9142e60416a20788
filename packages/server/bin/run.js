// Runs the command line. Only a Node that is recent enough comes here.
const { readFileSync } = require("node:fs");
const { enableCompileCache, registerHooks, stripTypeScriptTypes } = require("node:module");
const { fileURLToPath } = require("node:url");

// Node runs TypeScript as it is, but not that of packages which are installed below node_modules.
if (__dirname.includes("node_modules")) {
  // The function's own warning, which would stand before every output; all others are shown.
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).startsWith("stripTypeScriptTypes ")) emitWarning.call(process, warning, ...rest);
  };
  registerHooks({
    load(url, context, next) {
      if (!url.startsWith("file:") || !url.endsWith(".ts")) return next(url, context);
      return { format: "module", source: stripTypeScriptTypes(readFileSync(fileURLToPath(url), "utf8")), shortCircuit: true };
    },
  });
}
// Compiled once: later starts read the compiled modules back.
enableCompileCache?.();
const args = process.argv.slice(2);
// The command line loads the whole product; the version needs none of it.
if (args[0] === "--version") import("../src/runtime/version.ts").then(({ version }) => process.stdout.write(`${version}\n`));
else import("../src/runtime/cli/main.ts").then(({ main }) => main(args));
