// Functions that run inside the page: each is sent over as its own text, so none may use anything outside itself.
// They return problems as sentences; an empty list is fine.

// WCAG 2.2 SC 1.4.12, the figures of the criterion.
export const TEXT_SPACING =
  "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }";

// As a user's own style. A constructed sheet, because the page's policy refuses inline styles, and should.
export function restyle(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

export function structure() {
  const problems = [];
  const exactly = (selector, n) => {
    const found = document.querySelectorAll(selector).length;
    if (found !== n) problems.push(`${found} × ${selector}, not ${n}`);
  };
  exactly("h1", 1);
  exactly("main", 1);
  exactly("nav", 1);
  exactly("script", 0);
  exactly("meta[http-equiv=refresh]", 0);
  if (!document.documentElement.lang) problems.push("no language");
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption?.innerText.trim()) problems.push("a table without caption");
    for (const cell of table.querySelectorAll("th")) if (!["row", "col"].includes(cell.scope)) problems.push(`th without scope: ${cell.innerText}`);
  }
  for (const scroller of document.querySelectorAll(".scroller")) {
    const named = document.getElementById(scroller.getAttribute("aria-labelledby"));
    if (scroller.tabIndex !== 0 || scroller.getAttribute("role") !== "region" || !named) problems.push("a scroller that the keyboard does not reach or that has no name");
  }
  for (const time of document.querySelectorAll("time")) if (Number.isNaN(Date.parse(time.dateTime))) problems.push(`time that cannot be read: ${time.outerHTML}`);
  for (const severity of document.querySelectorAll(".severity")) if (!/\b(critical|high|medium|low)\b/.test(severity.innerText)) problems.push(`severity without its word: ${severity.outerHTML}`);
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.tagName[1]));
  levels.forEach((level, at) => { if (at > 0 && level > levels[at - 1] + 1) problems.push(`heading level ${level} follows ${levels[at - 1]}`); });
  if (document.title.startsWith("DRILL") && !document.querySelector("h1").innerText.includes("DRILL")) problems.push("the title says DRILL, the heading does not");
  if (![...document.querySelectorAll("nav a")].some((link) => link.innerText === "Help")) problems.push("no Help in the navigation");
  return problems;
}

// Numbers every control that Tab should reach, and names them.
export function markControls() {
  const selector = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const controls = [...document.querySelectorAll(selector)].filter((control) => !control.disabled && control.getClientRects().length > 0);
  controls.forEach((control, index) => { control.dataset.check = String(index); });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".check-unfocused { outline: none !important; }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return controls.map((control) => control.outerHTML.slice(0, 80));
}

// Where the focus is, whether it shows, whether something covers it at all of nine points.
export function focusStop() {
  const control = document.activeElement;
  if (!control || control === document.body || control.dataset.check === undefined) return null;
  const style = getComputedStyle(control);
  const box = control.getBoundingClientRect();
  const inset = 2;
  const points = [0, 0.5, 1].flatMap((x) => [0, 0.5, 1].map((y) => [
    box.left + inset + x * Math.max(0, box.width - 2 * inset), box.top + inset + y * Math.max(0, box.height - 2 * inset),
  ]));
  const own = (element) => element && (control.contains(element) || element.contains(control) && element.tagName !== "MAIN" && element.tagName !== "BODY" && element.tagName !== "HTML");
  const left = Math.max(0, box.left - 6), top = Math.max(0, box.top - 6);
  return {
    index: Number(control.dataset.check),
    name: control.outerHTML.slice(0, 100),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    hidden: !points.some(([x, y]) => own(document.elementFromPoint(x, y))),
    clip: { x: left, y: top, width: Math.min(innerWidth, box.right + 6) - left, height: Math.min(innerHeight, box.bottom + 6) - top },
  };
}

// WCAG 2.2 SC 2.5.8: 24 by 24 CSS px, or 24 px apart from its neighbours, or in a line of text.
export function smallTargets() {
  const targets = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter((target) => target.getClientRects().length > 0);
  const boxes = targets.map((target) => target.getBoundingClientRect());
  const problems = [];
  targets.forEach((target, at) => {
    const box = boxes[at];
    if (box.width >= 24 && box.height >= 24) return;
    if (target.matches(".skip")) return;
    const inText = getComputedStyle(target).display === "inline" && target.parentElement.innerText.trim().length > target.innerText.trim().length;
    if (inText) return;
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const near = boxes.some((other, index) => {
      if (index === at || targets[index].matches(".skip")) return false;
      const dx = Math.max(other.left - x, 0, x - other.right), dy = Math.max(other.top - y, 0, y - other.bottom);
      return Math.hypot(dx, dy) < 12;
    });
    if (near) problems.push(`${Math.round(box.width)} × ${Math.round(box.height)} px and close to another: ${target.outerHTML.slice(0, 80)}`);
  });
  return problems;
}

// Nothing may stick out sideways except inside a scroller for a data table, and no text may be cut off.
export function overflow() {
  const problems = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) problems.push(`the page is ${root.scrollWidth} px wide in ${root.clientWidth}`);
  for (const element of document.querySelectorAll("body *")) {
    if (element.matches(".skip") || element.closest(".scroller table")) continue;
    const box = element.getBoundingClientRect();
    if (box.width > 0 && box.right > root.clientWidth + 1) problems.push(`sticks out to ${Math.round(box.right)} px: ${element.outerHTML.slice(0, 80)}`);
    const style = getComputedStyle(element);
    const clips = (axis) => ["hidden", "clip"].includes(style[axis]);
    if (clips("overflowX") && element.scrollWidth > element.clientWidth + 1) problems.push(`cut off sideways: ${element.outerHTML.slice(0, 80)}`);
    if (clips("overflowY") && element.scrollHeight > element.clientHeight + 1) problems.push(`cut off below: ${element.outerHTML.slice(0, 80)}`);
  }
  return problems;
}

// Colours are the user's now: borders and words must carry what they carried.
export function forcedColours() {
  const problems = [];
  if (!matchMedia("(forced-colors: active)").matches) problems.push("forced colours are not active");
  // Boxes to tick are drawn by the browser, in the user's colours; no style of ours says so.
  const drawn = "button, input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea, .drill, .banner";
  for (const element of document.querySelectorAll(drawn)) {
    const style = getComputedStyle(element);
    if (parseFloat(style.borderTopWidth) < 1 || style.borderTopStyle === "none") problems.push(`without border: ${element.outerHTML.slice(0, 80)}`);
  }
  return problems;
}
