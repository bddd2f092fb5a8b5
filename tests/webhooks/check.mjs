// Receives what `cargo run --example send` sends, and judges it: HMAC by the library `standardwebhooks`, Ed25519 by OpenSSL,
// bodies by the library `cloudevents`. None of them shares code with breachd.

import { HTTP } from "cloudevents";
import { spawn } from "node:child_process";
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Webhook } from "standardwebhooks";

const KINDS = ["opened", "escalated", "deadline_warning", "acknowledged", "closed"].map((kind) => `breachd.incident.${kind}`);
const TYPES = [...KINDS, "breachd.digest", "breachd.channel.test"].sort();

const here = fileURLToPath(new URL(".", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "breachd-webhooks-"));
const secretFile = (name, text) => {
  writeFileSync(join(directory, name), text, { mode: 0o600 });
  return join(directory, name);
};
const secret = `whsec_${randomBytes(32).toString("base64")}`;
const hmac = { secret_file: secretFile("secret", secret) };
const ed25519 = { signing_key_file: secretFile("key", `whsk_${randomBytes(32).toString("base64")}`) };

/** What arrived, by the channel it came from. */
const received = { both: [], standard: [], asymmetric: [], gone: [], lost: [] };
const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const channel = request.url.slice(1);
    const [body, isFirst] = [Buffer.concat(chunks), received[channel].length === 1];
    received[channel].push({ headers: request.headers, body });
    // After the test, which is not repeated.
    if (channel === "lost" && isFirst) return request.socket.destroy();
    response.writeHead(channel === "gone" ? 410 : 204).end();
  });
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));

const url = `http://127.0.0.1:${server.address().port}`;
const channel = (name, more) => ({ name, kind: "webhook", url: `${url}/${name}`, retry: { first: "100ms" }, ...more });
const channels = join(directory, "channels.json");
writeFileSync(channels, JSON.stringify([
  channel("both", { ...hmac, ...ed25519 }),
  channel("standard", { ...hmac, format: "standard" }),
  channel("asymmetric", ed25519),
  channel("gone", hmac),
  channel("lost", hmac),
]));

const profile = process.env.BREACHD_TEST_PROFILE ?? "release";
const cargo = ["cargo", "run", "--quiet", "--locked", "--profile", profile, "--package", "notifier", "--example", "send", "--"];
// tests/run has built it with everything else; cargo would build half of that again for this package alone, with other features.
const built = process.env.BREACHD_TEST_EXAMPLES;
const [program, ...before] = built ? [join(built, "send")] : cargo;
const sender = spawn(program, [...before, channels], { cwd: here, stdio: ["ignore", "pipe", "inherit"] });
let printed = "";
sender.stdout.on("data", (chunk) => (printed += chunk));
const code = await new Promise((done) => sender.on("close", done));
server.close();
rmSync(directory, { recursive: true });

const reports = printed.split("\n").filter(Boolean).map((line) => JSON.parse(line));
const probes = Object.fromEntries(reports.filter((one) => one.channel).map((one) => [one.channel, one]));
const outcomes = (name) => reports.filter((one) => one.notice?.startsWith(`${name}-`)).map((one) => one.result.outcome);

const publicKey = (text) => {
  const x = Buffer.from(text.replace("whpk_", ""), "base64").toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
};
const signature = (headers, version) =>
  headers["webhook-signature"].split(" ").find((part) => part.startsWith(`${version},`))?.slice(version.length + 1);
const asymmetric = (name, { headers, body }) => {
  const key = publicKey(probes[name].probe.match(/whpk_\S+/)[0]);
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`), body]);
  return verify(null, signed, key, Buffer.from(signature(headers, "v1a"), "base64"));
};
const same = (found, wanted) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
};
const fails = (act) => {
  try {
    act();
  } catch {
    return;
  }
  throw new Error("taken");
};

let [passed, failed] = [0, 0];
const test = (name, act) => {
  try {
    act();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.message}`);
  }
};

test("every kind is sent once, and a test", () => {
  same(code, 0);
  for (const name of ["both", "asymmetric", "standard"]) {
    const types = received[name].map((one) => JSON.parse(one.body).type).sort();
    same(types, TYPES);
    same(outcomes(name), Array(6).fill("accepted"));
  }
});
test("standardwebhooks takes every HMAC, and no forged one", () => {
  const judge = new Webhook(secret);
  for (const { headers, body } of [...received.both, ...received.standard, ...received.gone, ...received.lost]) {
    same(judge.verify(body.toString(), headers), JSON.parse(body));
    fails(() => judge.verify(`${body} `, headers));
    fails(() => judge.verify(body.toString(), { ...headers, "webhook-id": "another" }));
    fails(() => new Webhook(`whsec_${randomBytes(32).toString("base64")}`).verify(body.toString(), headers));
  }
});
test("OpenSSL takes every Ed25519 signature, and no forged one", () => {
  for (const name of ["both", "asymmetric"]) {
    for (const one of received[name]) {
      same(asymmetric(name, one), true);
      same(asymmetric(name, { ...one, body: Buffer.concat([one.body, Buffer.from(" ")]) }), false);
      same(asymmetric(name, { ...one, headers: { ...one.headers, "webhook-id": "another" } }), false);
    }
  }
  same(received.asymmetric.some(({ headers }) => signature(headers, "v1")), false);
});
test("cloudevents takes every event, and its id is the webhook's", () => {
  for (const { headers, body } of [...received.both, ...received.asymmetric, ...received.lost]) {
    const event = HTTP.toEvent({ headers, body: body.toString() });
    same(event.validate(), true);
    same([event.specversion, event.id, event.datacontenttype], ["1.0", headers["webhook-id"], "application/json"]);
    if (event.type !== "breachd.channel.test") same(typeof event.data.title, "string");
  }
});
test("a standard body is type, timestamp and data", () => {
  for (const { headers, body } of received.standard) {
    same(Object.keys(JSON.parse(body)).sort(), ["data", "timestamp", "type"]);
    same(headers["content-type"].startsWith("application/json"), true);
  }
});
test("410 ends it at once", () => {
  same(outcomes("gone"), Array(6).fill("rejected"));
  same(received.gone.length, 7);
});
test("a repeat after a lost answer has the same id", () => {
  same(outcomes("lost").sort(), [...Array(6).fill("accepted"), "retrying"]);
  const [, first] = received.lost;
  const again = received.lost.filter(({ headers }) => headers["webhook-id"] === first.headers["webhook-id"]);
  same([received.lost.length, again.length], [8, 2]);
  same(again[0].body.equals(again[1].body), true);
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
