#!/usr/bin/env node
// CommonJS in the syntax of 2009 (see package.json in this folder), so that any Node can parse it. One that is too old starts the Node
// of the `node` package instead.
/* biome-ignore-all lint: the syntax is old on purpose */
var childProcess = require("child_process");
var fs = require("fs");
var path = require("path");

/** The first release that runs TypeScript without a build. */
var needed = [22, 18];
var isRestarted = "GATEHOUSE_NODE_HANDED_OVER";

function isRecent(version) {
  var parts = version.replace(/^v/, "").split(".").map(Number);
  return parts[0] > needed[0] || (parts[0] === needed[0] && parts[1] >= needed[1]);
}

/** The program of the `node` package, resolved as Node resolves any other package. */
function bundledNode() {
  try {
    var folder = path.dirname(require.resolve("node/package.json"));
    var program = path.join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
    return fs.existsSync(program) ? program : undefined;
  } catch (_absent) {
    return undefined;
  }
}

/** The first Node of the PATH that is recent enough. */
function nodeOfPath() {
  var name = process.platform === "win32" ? "node.exe" : "node";
  var folders = (process.env.PATH || "").split(path.delimiter);
  for (var index = 0; index < folders.length; index += 1) {
    var program = path.join(folders[index], name);
    if (!folders[index] || !fs.existsSync(program)) continue;
    var version = childProcess.spawnSync(program, ["--version"], { encoding: "utf8" });
    if (version.status === 0 && isRecent(version.stdout.trim())) return program;
  }
  return undefined;
}

function refuse() {
  process.stderr.write(
    "Gatehouse needs Node " +
      needed.join(".") +
      " or later; this is " +
      process.version +
      ", and no other was found. Install the package `node` with it (npm install node@24), or Node 24.\n",
  );
  process.exit(78);
}

function runWith(program) {
  var environment = {};
  for (var name in process.env) environment[name] = process.env[name];
  // Prevents a loop where the program is too old, too.
  environment[isRestarted] = "1";
  var child = childProcess.spawn(program, [__filename].concat(process.argv.slice(2)), { stdio: "inherit", env: environment });
  ["SIGINT", "SIGTERM", "SIGHUP"].forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal);
    });
  });
  child.on("error", refuse);
  child.on("exit", function (code, signal) {
    // The exit code of a shell: 128 and the signal's number.
    var numbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
    process.exit(code === null ? 128 + (numbers[signal] || 0) : code);
  });
}

if (isRecent(process.version)) {
  delete process.env[isRestarted];
  require("./run.js");
} else {
  var found = process.env[isRestarted] ? undefined : bundledNode() || nodeOfPath();
  if (found) runWith(found);
  else refuse();
}
