// Serves the sample pages of crates/console and checks them: node sample.mjs [--screenshots DIR]
//
// Before the first time: npm install (in this directory), and chromium-headless-shell or chromium from the distribution.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ALERT = "alerts/0af1c0e7a9b3d4e215f1c0e7a9b3d4e2";
const PAGES = [
  "", "incidents/INC-7", "incidents/INC-8", "incidents/INC-9", "incidents/INC-3", "incidents/INC-7/drafts/1", "incidents/INC-8/drafts/1?field=nature", "alerts", ALERT, "ack/good.tag",
  "alerts/18f1c0e7a9b3d4e215f1c0e7a9b3d4e2", "alerts/09f1c0e7a9b3d4e215f1c0e7a9b3d4e2",
  "help",
];

const here = fileURLToPath(new URL(".", import.meta.url));
const cargo = ["cargo", "run", "--quiet", "--release", "--locked", "--package", "console", "--example", "sample", "--"];
// tests/run has built it with everything else; cargo would build half of that again for this package alone, with other features.
const built = process.env.BREACHD_TEST_EXAMPLES;
const [program, ...before] = built ? [join(built, "sample")] : cargo;
const server = spawn(program, [...before, "127.0.0.1:0"], { cwd: here, stdio: ["ignore", "pipe", "inherit"], detached: true });
let code = 2;
try {
  const [base] = await once(createInterface(server.stdout), "line");
  const urls = ["--acknowledge", `${base}incidents/INC-7`, "--judge", `${base}${ALERT}`, ...process.argv.slice(2), ...PAGES.map((page) => base + page)];
  const check = spawn(process.execPath, [`${here}check.mjs`, ...urls], { stdio: "inherit" });
  [code] = await once(check, "exit");
} finally {
  // cargo and the server it started, and nothing else: they are a process group of their own.
  process.kill(-server.pid, "SIGINT");
}
process.exit(code);
