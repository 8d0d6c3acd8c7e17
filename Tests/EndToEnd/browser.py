# SPDX-License-Identifier: Apache-2.0
"""A browser without a window, what it must never do, and what a page must be like for everyone."""

import contextlib
import shutil
from urllib.parse import urlsplit

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser():
    """The path of a Chromium on the PATH, or nothing."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Visitor:
    """A visit in a profile of its own. Leaving it asserts that nothing went wrong behind the page's back."""

    def __init__(self, browser, url, *, width=1280, height=900, scheme="light", may_fail=False):
        self.url, self.may_fail = url, may_fail
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce",
            accept_downloads=True,
        )
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.complaints, self.requests, self.headers = [], [], {}
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("response", lambda answer: self.headers.setdefault(answer.url, answer.headers))

    def _listen(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} {message.location}")

    def _refuse(self, dialog):
        self.complaints.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def open(self, fragment=""):
        self.page.goto(self.url + "/" + fragment)
        self.page.locator("lever-form .lever").first.wait_for(state="attached")
        return self.page

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        with contextlib.suppress(Exception):
            self.context.close()
        if failure[0] is not None:
            return
        origin = urlsplit(self.url).netloc
        foreign = [url for url in self.requests
                   if not url.startswith("blob:") and urlsplit(url).netloc != origin]
        assert not foreign, f"requests to others: {foreign}"
        # A refused or failed request of the page itself is reported on the console by the browser.
        serious = [text for text in self.complaints if not (self.may_fail and "Failed to load resource" in text)]
        assert not serious, serious


# Each check gives sentences about what is wrong. Contrast is that of WCAG 2.2 (1.4.3, level AA), computed from what the
# browser would draw.
FLAWS = r"""
() => {
  const flaws = [];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && e.getClientRects().length > 0;
  const name = (e) => {
    const by = (e.getAttribute("aria-labelledby") ?? "").split(/\s+/).filter(Boolean)
      .map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
    if (by) return by;
    const label = e.getAttribute("aria-label")?.trim();
    if (label) return label;
    if (e.labels?.length) return [...e.labels].map((l) => l.textContent.trim()).join(" ");
    if (e.localName === "img") return e.alt;
    return /^(button|a|summary)$/.test(e.localName) || e.getAttribute("role") === "button" ? e.textContent.trim() : "";
  };
  const where = (e) => `<${e.localName}${e.id ? " id=" + e.id : ""} class="${e.className}"> ${e.textContent.slice(0, 40)}`;

  for (const e of document.querySelectorAll("button, a[href], input, select, textarea, summary, [role=button], dialog, [role=dialog], [role=group]")) {
    if (shown(e) && e.getAttribute("aria-hidden") !== "true" && !name(e)) flaws.push(`no name: ${where(e)}`);
  }
  for (const e of document.querySelectorAll("img")) if (!e.hasAttribute("alt")) flaws.push(`no alt: ${where(e)}`);
  const ids = new Map();
  for (const e of document.querySelectorAll("[id]")) ids.set(e.id, (ids.get(e.id) ?? 0) + 1);
  for (const [id, count] of ids) if (count > 1) flaws.push(`the id ${id} is used ${count} times`);
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
    for (const e of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of e.getAttribute(attribute).split(/\s+/)) {
        if (!ids.has(id)) flaws.push(`${attribute} of ${where(e)} names ${id}, which is not there`);
      }
    }
  }
  const roles = new Set(["alert", "button", "dialog", "group", "img", "status", "row", "list", "listitem", "progressbar"]);
  for (const e of document.querySelectorAll("[role]")) {
    if (!roles.has(e.getAttribute("role"))) flaws.push(`an unknown role: ${where(e)}`);
  }
  for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) flaws.push(`a tab order: ${where(e)}`);
  for (const e of document.querySelectorAll("[aria-hidden=true]")) {
    if (e.tabIndex >= 0 || e.querySelector('a[href], button:not([tabindex="-1"]), input:not([tabindex="-1"])')) {
      flaws.push(`hidden but reached by Tab: ${where(e)}`);
    }
  }
  for (const tag of ["main", "header", "nav", "h1"]) {
    if (document.querySelectorAll(tag === "header" ? "body > header" : tag).length !== 1) flaws.push(`not one <${tag}>`);
  }
  if (!document.documentElement.lang) flaws.push("no language");
  if (!document.title) flaws.push("no title");

  const parse = (text) => {
    const m = text.match(/^(?:rgba?\(|color\(srgb )([^)]*)\)$/);
    const n = m[1].split(/[\s,\/]+/).map(Number);
    const scale = text.startsWith("color") ? 255 : 1;
    return [n[0] * scale, n[1] * scale, n[2] * scale, n[3] ?? 1];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reduceRight((under, layer) => over(layer, under), [255, 255, 255, 1]);
  };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(e) || !shown(e) || e.closest("option, noscript, svg, .skip, :disabled")) continue;
    seen.add(e);
    const style = getComputedStyle(e);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const below = ground(e);
    const found = contrast(over(parse(style.color), below), below);
    if (found < needed - 0.005) flaws.push(`contrast ${found.toFixed(2)} of ${where(e)}`);
  }
  for (const e of document.querySelectorAll("svg text")) {
    if (!shown(e)) continue;
    const below = ground(e.closest("svg").parentElement);
    const found = contrast(parse(getComputedStyle(e).fill), below);
    if (found < 4.495) flaws.push(`contrast ${found.toFixed(2)} in a plot: ${e.textContent}`);
  }
  for (const e of document.querySelectorAll("input:not([type=range]):not([type=radio]), select, textarea")) {
    if (!shown(e)) continue;
    const below = ground(e.parentElement);
    const found = contrast(over(parse(getComputedStyle(e).borderBottomColor), below), below);
    if (found < 2.995) flaws.push(`contrast ${found.toFixed(2)} of the edge of ${where(e)}`);
  }
  const excess = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (excess > 0) flaws.push(`${excess} px too wide`);
  return flaws;
}
"""


def flaws(page):
    """What of the page as it stands is not accessible to everyone."""
    return page.evaluate(FLAWS)


ATTACKS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "'-alert(1)-'",
    "</textarea><script>alert(1)</script>", "javascript:alert(1)", "<iframe srcdoc='<script>alert(1)</script>'>",
    "{{constructor.constructor('alert(1)')()}}", "${alert(1)}", "<a href=javascript:alert(1)>x</a>",
    "<style>@import'//evil.example';</style>", "&lt;b&gt;&amp;", "<!--><script>alert(1)</script>-->",
    "<body onload=alert(1)>", "<input autofocus onfocus=alert(1)>", "<details open ontoggle=alert(1)>x",
    "<video><source onerror=alert(1)>", "<object data=javascript:alert(1)>", "<embed src=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>", "<base href=//evil.example/>", "<link rel=stylesheet href=//e>",
    "<form action=//evil.example><button>x", "<svg><a xlink:href=javascript:alert(1)>x</a></svg>", "<template><img src=x>",
    "--><b>x</b>", "]]><b>x</b>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "\u202e<b>", "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
]


def run(page):
    """Runs what the Complete view holds."""
    page.get_by_role("button", name="Run", exact=True).click()
    finish(page)


def finish(page):
    page.locator(".facts").get_by_text("ended by").wait_for()


def answer(page):
    """The text that the Complete view shows."""
    return page.evaluate("document.querySelector('complete-view token-text').textContent")


def lever(page, name, view="complete-view"):
    """The control of a field."""
    return page.locator(f'{view} [data-field="{name}"]')


def set_lever(page, name, value, view="complete-view"):
    """Writes a field, whose group is opened for it."""
    field = lever(page, name, view).locator("input:not([type=range]), select, textarea")
    page.evaluate("element => { const details = element.closest('details'); if (details) details.open = true }",
                  field.element_handle())
    if field.evaluate("element => element.localName") == "select":
        field.select_option(value)
    else:
        field.fill(value)


def copied(page, title):
    """What an entry of the menu Share puts on the clipboard."""
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name=title, exact=True).click()
    page.get_by_text("Copied").wait_for()
    return page.evaluate("navigator.clipboard.readText()")
