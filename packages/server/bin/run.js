// Runs the command line, on a Node that is recent enough.
const { readFileSync } = require("node:fs");
const { enableCompileCache, registerHooks, stripTypeScriptTypes } = require("node:module");
const { fileURLToPath } = require("node:url");

// Node runs TypeScript, but not that of packages below node_modules.
if (__dirname.includes("node_modules")) {
  // Hides the function's own warning, which would precede every output; all others are shown.
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
// Caches the compiled modules for later starts.
enableCompileCache?.();
const args = process.argv.slice(2);
// Without the command line, which loads database drivers for its errors.
if (args[0] === "--version") import("../src/runtime/version.ts").then(({ version }) => process.stdout.write(`${version}\n`));
else import("../src/runtime/cli/main.ts").then(({ main }) => main(args));
