// Opens pages of the console in a real Chromium and checks them against WCAG 2.2 AA.
//
//   node check.mjs [--acknowledge URL] [--judge URL] [--screenshots DIR] URL…
//
// By axe: every rule of A and AA, in light and dark, wide and narrow; what axe cannot decide fails too, unless UNDECIDABLE
// says why it is fine. By script what axe does not check: reflow, text spacing, large text, the way of the Tab key,
// visible and unobscured focus, target size, forced colours, no motion, no script, no foreign request.
// `--acknowledge URL` takes an incident by keyboard alone and expects to be told so; `--judge URL` says what an alert was.
//
// Prints each failure and `N passed, N failed`; exits with 1 on a failure, 2 if there is nothing to run with.
// A person still has to listen with a screen reader, and to judge whether the words are plain.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import * as inPage from "./in-page.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const BROWSERS = [process.env.CHROMIUM, "/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const WIDE = { width: 1280, height: 900 };
// 1280 CSS px at 400 %.
const NARROW = { width: 320, height: 256 };

// What axe leaves to a person, and why the answer is known.
const UNDECIDABLE = [
  {
    rule: "color-contrast", message: "elmPartiallyObscured", within: ".scroller", view: "narrow",
    reason: "the cell is scrolled out of sight; the same cell is decided in the wide view, light and dark",
  },
  {
    rule: "color-contrast", message: "shortTextContent", within: ".figure",
    reason: "a single digit in the style of the longer figures beside it, which are decided",
  },
];

const tally = { passed: 0, failed: 0 };

function report(url, check, problems) {
  if (problems.length === 0) {
    tally.passed += 1;
    return;
  }
  tally.failed += 1;
  console.log(`FAIL ${url}: ${check}`);
  for (const problem of problems.slice(0, 12)) console.log(`     ${problem}`);
  if (problems.length > 12) console.log(`     and ${problems.length - 12} more`);
}

async function axe(page, url, name) {
  report(url, `axe ${name}`, await axeProblems(page, name));
}

async function axeProblems(page, name) {
  await page.evaluate(AXE);
  const result = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags, resultTypes: ["violations", "incomplete", "passes"] }), TAGS);
  const line = (kind, rule, node) => `${kind} ${rule.id} at ${node.target.join(" ")}: ${node.failureSummary ?? rule.help}`.replaceAll("\n", " ");
  const known = async (rule, node) => {
    const message = [...node.any, ...node.all, ...node.none].map((check) => check.data?.messageKey);
    for (const entry of UNDECIDABLE) {
      if (entry.rule !== rule.id || (entry.view ?? name) !== name || !message.includes(entry.message)) continue;
      if (await page.evaluate(([target, within]) => document.querySelector(target)?.closest(within) != null, [node.target.at(-1), entry.within])) return true;
    }
    return false;
  };
  const problems = result.violations.flatMap((rule) => rule.nodes.map((node) => line("violation", rule, node)));
  for (const rule of result.incomplete) {
    for (const node of rule.nodes) if (!(await known(rule, node))) problems.push(line("undecided", rule, node));
  }
  // Rules that must have had something to look at; otherwise this was not our page, or axe did not run.
  for (const needed of ["color-contrast", "document-title", "html-has-lang", "target-size"]) {
    if (!result.passes.some((rule) => rule.id === needed) && !problems.some((problem) => problem.includes(needed))) {
      problems.push(`axe did not apply ${needed}`);
    }
  }
  return problems;
}

// Tab through the page once, forwards and back: each control, in the order of the document, seen and not covered.
async function tabWalk(page, url) {
  const expected = await page.evaluate(inPage.markControls);
  const problems = [];
  if (expected.length === 0) problems.push("no controls found");
  await page.evaluate(() => document.activeElement?.blur());
  const forwards = [];
  for (let step = 0; step < expected.length; step += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(inPage.focusStop);
    if (stop === null) {
      problems.push(`Tab ${step + 1} leaves the page early`);
      break;
    }
    forwards.push(stop.index);
    if (!stop.outlined) problems.push(`no outline on ${stop.name}`);
    if (stop.hidden) problems.push(`covered or out of sight: ${stop.name}`);
    if (stop.clip.width > 0 && stop.clip.height > 0) {
      const focused = await page.screenshot({ clip: stop.clip });
      await page.evaluate(() => document.activeElement.classList.add("check-unfocused"));
      const plain = await page.screenshot({ clip: stop.clip });
      await page.evaluate(() => document.activeElement.classList.remove("check-unfocused"));
      if (focused.equals(plain)) problems.push(`focus changes nothing to see on ${stop.name}`);
    }
  }
  const order = expected.map((_, index) => index);
  if (forwards.join() !== order.join()) problems.push(`order is ${forwards.join()}, the document's is ${order.join()}`);
  await page.keyboard.press("Tab");
  const after = await page.evaluate(inPage.focusStop);
  if (after !== null && after.index === order.at(-1)) problems.push(`Tab is trapped at ${after.name}`);
  await page.evaluate((last) => document.querySelector(`[data-check="${last}"]`)?.focus(), order.at(-1));
  const backwards = [order.at(-1)];
  for (let step = 1; step < expected.length; step += 1) {
    await page.keyboard.press("Shift+Tab");
    backwards.push((await page.evaluate(inPage.focusStop))?.index);
  }
  if (backwards.join() !== [...order].reverse().join()) problems.push(`backwards the order is ${backwards.join()}`);
  report(url, "Tab reaches every control, visibly and in order", problems);
}

async function skipLink(page, url) {
  await page.goto(url);
  await page.keyboard.press("Tab");
  const seen = await page.evaluate(() => {
    const box = document.activeElement.getBoundingClientRect();
    return document.activeElement.matches("a[href='#main']") && box.left >= 0 && box.top >= 0;
  });
  await page.keyboard.press("Enter");
  const landed = await page.evaluate(() => document.activeElement.id === "main");
  report(url, "the skip link shows and leads to the content", [...(seen ? [] : ["not first, or not seen"]), ...(landed ? [] : ["focus is not in main"])]);
}

async function checkPage(browser, url, titles, screenshots) {
  const context = await browser.newContext({ viewport: WIDE, colorScheme: "light", reducedMotion: "no-preference" });
  const page = await context.newPage();
  const noise = [];
  page.on("dialog", (dialog) => { noise.push(`a dialog: ${dialog.message()}`); void dialog.dismiss(); });
  page.on("pageerror", (error) => noise.push(`an error: ${error.message}`));
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) noise.push(`console: ${message.text()}`); });
  page.on("request", (request) => { if (new URL(request.url()).origin !== new URL(url).origin) noise.push(`a foreign request: ${request.url()}`); });
  const shot = async (name) => {
    if (screenshots) await page.screenshot({ path: `${screenshots}/${new URL(url).pathname.replaceAll("/", "_")}-${name}.png`, fullPage: true });
  };

  const response = await page.goto(url);
  report(url, "answers", response?.ok() ? [] : [`status ${response?.status()}`]);
  const title = await page.title();
  report(url, "has a title of its own", title && !titles.has(title) ? [] : [`\`${title}\` is empty or taken`]);
  titles.add(title);
  report(url, "structure", await page.evaluate(inPage.structure));

  await axe(page, url, "light");
  await shot("light");
  report(url, "target size", await page.evaluate(inPage.smallTargets));
  await tabWalk(page, url);
  await skipLink(page, url);

  await page.emulateMedia({ colorScheme: "dark" });
  await axe(page, url, "dark");
  await shot("dark");

  await page.emulateMedia({ colorScheme: "light", forcedColors: "active" });
  report(url, "forced colours keep what is told", await page.evaluate(inPage.forcedColours));
  await page.emulateMedia({ forcedColors: "none", reducedMotion: "reduce" });
  report(url, "nothing moves", await page.evaluate(() => document.getAnimations().map((animation) => String(animation.effect?.target?.tagName))));

  await page.goto(url);
  await page.evaluate(inPage.restyle, "html { font-size: 200% !important; }");
  report(url, "text at 200 %", await page.evaluate(inPage.overflow));
  await page.goto(url);
  await page.evaluate(inPage.restyle, inPage.TEXT_SPACING);
  report(url, "text spacing", await page.evaluate(inPage.overflow));

  await page.setViewportSize(NARROW);
  await page.goto(url);
  report(url, "reflow at 320 px", await page.evaluate(inPage.overflow));
  await axe(page, url, "narrow");
  await shot("narrow");
  await tabWalk(page, `${url} at 320 px`);
  await page.evaluate(inPage.restyle, inPage.TEXT_SPACING);
  report(url, "text spacing at 320 px", await page.evaluate(inPage.overflow));

  report(url, "no script ran, nothing was asked of others, no error", noise);
  await context.close();
}

// An incident taken by keyboard alone, as at three in the morning.
async function acknowledge(browser, url) {
  const page = await browser.newPage({ viewport: NARROW });
  await page.goto(url);
  const problems = [];
  for (let step = 0; step < 100 && !(await page.evaluate(() => document.activeElement.id === "by")); step += 1) await page.keyboard.press("Tab");
  if (await page.evaluate(() => document.activeElement.id !== "by")) problems.push("the name cannot be reached by Tab");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Keyboard Only");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  const said = await page.locator("[role=status]").innerText();
  if (!said.includes("acknowledged")) problems.push(`the page says \`${said}\`, at ${page.url()}`);
  if (new URL(page.url()).pathname !== new URL(url).pathname) problems.push(`it leads to ${page.url()}`);
  report(url, "acknowledged by keyboard", problems);
  // Nothing of this takes effect: a note without a text, and closing without the second yes.
  for (const [command, heading] of [["note", "That was not done"], ["close", "Close the incident?"]]) {
    await page.goto(url);
    await page.locator("#by").fill("Keyboard Only");
    await page.locator(`button[value=${command}]`).click();
    const shown = await page.getByRole("heading", { name: heading }).count();
    report(url, `${command} asks back`, shown === 1 ? [] : [`no heading \`${heading}\` at ${page.url()}`]);
    await axe(page, `${url}, ${command}`, "narrow");
    await tabWalk(page, `${url}, ${command}`);
  }
  await page.close();
}

// What an alert was, said by keyboard alone: a mistake first, then the question, then the answer.
async function judge(browser, url) {
  const page = await browser.newPage({ viewport: NARROW });
  const problems = [];
  const tabTo = async (id) => {
    for (let step = 0; step < 100; step += 1) {
      if (await page.evaluate((wanted) => document.activeElement.id === wanted, id)) return;
      await page.keyboard.press("Tab");
    }
    problems.push(`#${id} cannot be reached by Tab`);
  };
  const fill = async (verdict) => {
    await tabTo("by");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("Keyboard Only");
    await tabTo("verdict");
    if (verdict) await page.keyboard.type(verdict);
    await tabTo("reason");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("the yearly audit");
    await tabTo("judge");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  };
  await page.goto(url);
  await fill("");
  if ((await page.getByRole("heading", { name: "That was not done" }).count()) !== 1) problems.push("a missing verdict is not told");
  await axe(page, `${url}, mistake`, "narrow");
  await tabWalk(page, `${url}, mistake`);
  await page.goto(url);
  await fill("Expected");
  const question = await page.getByRole("heading", { level: 1 }).innerText();
  if (!question.includes("“Expected: a new normal”?")) problems.push(`asked \`${question}\``);
  await axe(page, `${url}, question`, "narrow");
  await tabWalk(page, `${url}, question`);
  await page.evaluate(() => document.activeElement?.blur());
  for (let step = 0; step < 20 && !(await page.evaluate(() => document.activeElement.matches("button.main"))); step += 1) await page.keyboard.press("Tab");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  const said = await page.locator("[role=status]").innerText();
  if (!said.includes("recorded")) problems.push(`the page says \`${said}\`, at ${page.url()}`);
  report(url, "judged by keyboard", problems);
  await page.close();
}

// Faults planted in a good page; a check that does not find its own is worth nothing.
const FAULTS = [
  ["too wide", "h1 { min-width: 2000px !important; }", (page) => page.evaluate(inPage.overflow)],
  ["cut off", "h1 { height: 4px !important; overflow: hidden !important; }", (page) => page.evaluate(inPage.overflow)],
  ["targets too small", "nav ul { display: block !important; } nav a { display: block !important; padding: 0 !important; width: 9px; height: 9px; overflow: hidden; }", (page) => page.evaluate(inPage.smallTargets)],
  ["motion", "@keyframes move { to { margin: 9px; } } h1 { animation: move 9s infinite !important; }", (page) => page.evaluate(() => document.getAnimations().map(String))],
  ["contrast", "h1, p, td { color: #aaa !important; background: #fff !important; }", async (page) => (await axeProblems(page, "light")).filter((problem) => problem.startsWith("violation color-contrast"))],
  ["no focus to see", "* { outline: none !important; }", async (page) => ((await focusFirst(page)).outlined ? [] : ["found"])],
  ["focus covered", "body::after { content: ''; position: fixed; inset: 0; z-index: 9; background: white; }", async (page) => ((await focusFirst(page)).hidden ? ["found"] : [])],
  ["no caption", "", (page) => page.evaluate(() => document.querySelector("caption")?.remove()).then(() => page.evaluate(inPage.structure))],
];

async function focusFirst(page) {
  await page.evaluate(inPage.markControls);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  return page.evaluate(inPage.focusStop);
}

async function findsFaults(browser, url) {
  const page = await browser.newPage({ viewport: WIDE });
  for (const [name, css, check] of FAULTS) {
    await page.goto(url);
    await page.evaluate(inPage.restyle, css);
    report(url, `the planted fault \`${name}\` is found`, (await check(page)).length > 0 ? [] : ["it is not"]);
  }
  await page.close();
}

async function missing(browser, url) {
  const page = await browser.newPage({ viewport: NARROW });
  const response = await page.goto(url);
  report(url, "is said to be missing", response?.status() === 404 ? [] : [`status ${response?.status()}`]);
  report(url, "structure", await page.evaluate(inPage.structure));
  await axe(page, url, "narrow");
  await page.close();
}

async function main() {
  const options = new Map();
  const urls = [];
  const given = process.argv.slice(2);
  while (given.length > 0) {
    const argument = given.shift();
    if (argument.startsWith("--")) options.set(argument, given.shift());
    else urls.push(argument);
  }
  const executablePath = BROWSERS.find((path) => path && existsSync(path));
  if (urls.length === 0 || !executablePath) {
    console.error(executablePath ? "usage: node check.mjs [--acknowledge URL] [--judge URL] [--screenshots DIR] URL…" : "no Chromium found: install chromium-headless-shell, or set CHROMIUM");
    process.exit(2);
  }
  const screenshots = options.get("--screenshots");
  if (screenshots) mkdirSync(screenshots, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const titles = new Set();
    for (const url of urls) await checkPage(browser, url, titles, screenshots);
    await findsFaults(browser, new URL("/help", urls[0]).href);
    await missing(browser, new URL("/no-such-page", urls[0]).href);
    if (options.has("--acknowledge")) await acknowledge(browser, options.get("--acknowledge"));
    if (options.has("--judge")) await judge(browser, options.get("--judge"));
  } finally {
    await browser.close();
  }
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  process.exit(tally.failed === 0 ? 0 : 1);
}

await main();
