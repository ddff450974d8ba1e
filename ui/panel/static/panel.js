// The panel's one script: it makes pages livelier that work without it. What a
// page shows is always made by the server; this asks for it again when
// something happened, and never writes markup itself.
"use strict";

const find = (selector, root = document) => root.querySelector(selector);
const each = (selector, use, root = document) => root.querySelectorAll(selector).forEach(use);

// Live: parts with data-live ask again when an event of that kind comes. Hidden
// pages listen to nothing, and catch up when they are seen again.
let source, timer, missed = 0;
const due = new Set();
function refresh() {
  timer = undefined;
  due.forEach((part) => part.isConnected && htmx.trigger(part, "live"));
  due.clear();
}
function happened(event) {
  let of = "";
  try { of = JSON.parse(event.data).instance || JSON.parse(event.data).instance_id || ""; } catch { /* it is about none */ }
  each("[data-live]", (part) => {
    const mine = part.dataset.instance;
    if (part.dataset.live.split(" ").includes(event.type) && (!mine || !of || mine === of)) due.add(part);
  });
  timer ??= due.size ? setTimeout(refresh, 300) : undefined;
}
const catchUp = () => each("[data-live]", (part) => htmx.trigger(part, "live"));
// stream hears events. A browser goes on with a stream that ends, but not when the
// answer was none: then again opens another, if this one is still wanted.
function stream(url, kinds, use, again) {
  const events = new EventSource(url);
  kinds.forEach((kind) => events.addEventListener(kind, use));
  events.onerror = () => {
    if (++missed > 1) tell("unheard"); // one end is usual
    if (events.readyState !== EventSource.CLOSED) return;
    catchUp(); // which leads to the login when that has ended
    setTimeout(again, 5000, events);
  };
  events.onopen = () => {
    find("#unheard").hidden = true;
    if (missed) catchUp();
    missed = 0;
  };
  return events;
}
function listen(ended) {
  if (source !== ended || document.hidden) return;
  source = find("[data-live]") ? stream("/api/events", ["change", "diagnosis", "diagnosis_failed", "schedule"], happened, listen) : undefined;
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = undefined;
  } else if (!source) {
    listen();
    catchUp();
  }
});

// Waiting: a form says that it works, is sent once, and after a while that it still
// waits. One with hx-boost is sent by htmx: when no answer comes, or a refusal, the form
// stays with what was typed, and can be sent again.
const slowAfter = 4000;
let slow, again;
function hush() {
  clearTimeout(slow);
  each("#toasts > *", (toast) => { toast.hidden = true; });
}
function raise() { // above menus that are open
  find("#toasts").togglePopover?.(false);
  find("#toasts").togglePopover?.(true);
}
function tell(id, text, href) {
  if (id === "unheard" && find(".toast:not([hidden])")) return; // what somebody sent weighs more than what a page asks by itself
  const toast = document.getElementById(id), way = find("a", toast);
  if (id !== "unheard") hush();
  if (text) find("span", toast).textContent = text;
  if (way) way.hidden = !(way.href = href || "");
  toast.hidden = false;
  raise();
}
function begin(form, button) {
  form.dataset.sent = "1";
  form.setAttribute("aria-busy", "true");
  button?.classList.add("is-busy");
  button?.setAttribute("aria-disabled", "true");
  again = { form, button };
  hush();
  slow = setTimeout(tell, slowAfter, "waiting");
}
function end(form) {
  clearTimeout(slow);
  find("#waiting").hidden = true;
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
  each(".is-busy", (button) => { button.classList.remove("is-busy"); button.removeAttribute("aria-disabled"); }, form);
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else if (form.method === "post" || form.hasAttribute("hx-boost")) begin(form, event.submitter);
}, true);
window.addEventListener("pageshow", () => each("form[data-sent]", end));

const sender = (event) => event.detail.ctx?.sourceElement;
const asksItself = (part) => part?.matches("[data-live], [hx-trigger]");
document.addEventListener("htmx:config:request", (event) => { // what is sent may take as long as a snapshot does, and must not be sent twice
  if (event.detail.ctx.request.method !== "GET") event.detail.ctx.request.timeout = 0;
});
document.addEventListener("htmx:before:request", (event) => {
  const part = sender(event);
  if (part?.matches("button") && part.form) begin(part.form, part);
});
document.addEventListener("htmx:finally:request", (event) => {
  const form = sender(event)?.closest("form");
  if (form?.dataset.sent && !asksItself(sender(event))) end(form);
});
document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx) tell(asksItself(sender(event)) ? "unheard" : "lost");
});
document.addEventListener("htmx:after:request", (event) => {
  const { response, text } = event.detail.ctx, itself = asksItself(sender(event));
  clearTimeout(slow); // the form may be gone when it ends
  if (itself && response.status < 500) find("#unheard").hidden = true;
  if (response.status < 400 || response.status === 401 || itself && response.status < 500) return;
  const page = new DOMParser().parseFromString(text, "text/html");
  if (find(".still", page)) return; // it asks for a password, in the place of an answer
  event.preventDefault();
  const said = [...page.querySelectorAll(".trouble .lede, .trouble .hint, .problem[role=alert]:not(.standing) > span")].map((part) => part.textContent).join(" ");
  if (itself) tell("unheard");
  else if (said) tell("refused", said, find(".trouble [href^='/changes/']", page)?.getAttribute("href"));
  else tell("lost");
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-hush]")) hush();
  if (!event.target.closest("[data-again]")) return;
  hush();
  if (!again) return location.reload();
  const { form, button } = again;
  if (button?.hasAttribute("hx-post")) button.click();
  else form.requestSubmit(button);
});

// Select all; copy; confirm by typing.
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.all;
  if (name) each(`input[name="${name}"]`, (box) => { box.checked = event.target.checked; }, event.target.form);
});
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy-from]");
  if (copy) {
    const from = find(copy.dataset.copyFrom);
    if (!navigator.clipboard) { // a page that came over plain HTTP has none: who reads copies what is marked
      getSelection().selectAllChildren(from);
      return;
    }
    await navigator.clipboard.writeText(from.textContent);
    copy.classList.add("is-copied");
    setTimeout(() => copy.classList.remove("is-copied"), 1500);
  }
  const opens = event.target.closest("[data-opens]");
  if (opens) openPalette();
});
document.addEventListener("input", (event) => {
  const word = event.target.dataset?.confirms;
  if (word) find("button.confirmed", event.target.form).disabled = event.target.value.trim() !== word;
});

// Palette: Ctrl-K, then arrows and Enter.
function openPalette() {
  const dialog = find("#palette");
  if (!dialog || dialog.open) return;
  dialog.showModal();
  const list = find("#palette-list");
  if (!list.children.length) {
    htmx.process(list); // who is quick is here before htmx looked at the page
    htmx.trigger(list, "fill");
  }
  find("#palette-input").value = "";
  narrow("");
}
const choices = () => [...document.querySelectorAll("#palette-list li:not([hidden])")];
function narrow(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  each("#palette-list li", (item) => { item.hidden = !words.every((word) => item.textContent.toLowerCase().includes(word)); });
  choose(choices()[0]);
}
function choose(item) {
  each("#palette-list li", (other) => other.setAttribute("aria-selected", other === item));
  item?.scrollIntoView({ block: "nearest" });
  find("#palette-input").setAttribute("aria-activedescendant", item?.id || "");
}
const follow = (item) => item && location.assign(item.dataset.href);
document.addEventListener("click", (event) => follow(event.target.closest("#palette-list li")));
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && find("#palette")) {
    event.preventDefault();
    return openPalette();
  }
  if (event.target.id !== "palette-input") return;
  const list = choices();
  const at = list.findIndex((item) => item.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    choose(list[(at + (event.key === "ArrowDown" ? 1 : list.length - 1)) % list.length]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    follow(list[at]);
  }
});
document.addEventListener("input", (event) => event.target.id === "palette-input" && narrow(event.target.value));
document.addEventListener("htmx:after:swap", () => find("#palette")?.open && narrow(find("#palette-input").value));

// Filters: hide what does not hold the words that are typed.
document.addEventListener("input", (event) => {
  const list = event.target.dataset?.filters && document.getElementById(event.target.dataset.filters);
  if (list) sift(list, event.target.value);
});
function sift(list, text) {
  const word = text.toLowerCase();
  for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(word);
}
document.addEventListener("submit", (event) => "search" in event.target.dataset && event.preventDefault());

// Code: who goes to a text that is code gets its editor, which is large.
function enliven(event) {
  const code = find("textarea[data-code]");
  if (!code || code.dataset.editor === "" || !event.target.matches?.("textarea[data-code], [data-finds], [data-line]")) return;
  const script = document.createElement("script");
  script.src = code.dataset.editor;
  script.onload = () => { if (event.target.matches("[data-line]")) event.target.click(); };
  script.onerror = () => { code.dataset.editor = script.src; script.remove(); }; // the plain text goes on, and the next who comes tries again
  code.dataset.editor = "";
  document.head.append(script);
}
document.addEventListener("focusin", enliven);
document.addEventListener("click", enliven);

// Tail: lines of the logs as they come. What they say goes in as text.
let tail;
const mostLines = 1000;
function line(entry) {
  const item = document.createElement("li");
  item.className = entry.level;
  const cell = (tag, kind, text) => {
    const part = document.createElement(tag);
    if (kind) part.className = kind;
    part.textContent = text;
    item.append(part);
  };
  cell("time", "", (entry.ts || "").slice(11, 19));
  cell("span", "of", entry.service);
  cell("span", "level", entry.level);
  cell("span", "msg", entry.message);
  if (entry.code) cell("span", "code", entry.code);
  return item;
}
function follows(button) {
  const list = document.getElementById(button.dataset.into), { tail: url, after } = button.dataset;
  if (!tail) list.scrollTop = list.scrollHeight;
  const add = (event) => {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    if (event.lastEventId) button.dataset.after = event.lastEventId;
    list.append(line(JSON.parse(event.data)));
    sift(list, find("[data-filters=log]").value);
    while (list.children.length > mostLines) list.firstElementChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
    each("[data-empty=log]", (hint) => { hint.hidden = true; });
  };
  tail = stream(url + (after ? "&after=" + encodeURIComponent(after) : ""), ["log"], add, (ended) => tail === ended && follows(button));
}
const leave = () => { tail?.close(); tail = undefined; };
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tail]");
  if (!button) return;
  if (tail) leave();
  else follows(button);
  button.setAttribute("aria-pressed", String(Boolean(tail)));
});

// What is done to a page when it comes, also when htmx put it in place of another.
function arrive() {
  hush();
  raise();
  again = undefined;
  leave();
  if (new URLSearchParams(location.search).has("done")) { // a notice is told once: the address forgets it
    const url = new URL(location.href);
    url.searchParams.delete("done");
    history.replaceState(history.state, "", url);
  }
  each(".tabs [aria-current]", (tab) => tab.scrollIntoView({ block: "nearest", inline: "nearest" })); // a phone shows some of them
  each("#log", (list) => { list.scrollTop = list.scrollHeight; });
  find("#found")?.scrollIntoView({ block: "center" });
  each("button.confirmed", (button) => { button.disabled = true; });
  listen();
}
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx?.target !== document.body) return;
  scrollTo(0, 0);
  find("#main").focus({ preventScroll: true });
  arrive();
});
arrive();
