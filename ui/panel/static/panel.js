// The panel's one script: it makes pages livelier that work without it. What a
// page shows is always made by the server; this asks for it again when
// something happened, and never writes markup itself.
"use strict";

const find = (selector, root = document) => root.querySelector(selector);
const each = (selector, use, root = document) => root.querySelectorAll(selector).forEach(use);

// Live: parts with data-live ask again when an event of that kind comes. Hidden
// pages listen to nothing, and catch up when they are seen again.
let source, timer;
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
function listen() {
  if (source || document.hidden || !find("[data-live]")) return;
  let lost = false;
  source = new EventSource("/api/events");
  ["change", "diagnosis", "schedule"].forEach((kind) => source.addEventListener(kind, happened));
  source.onerror = () => { lost = true; };
  source.onopen = () => {
    if (lost) each("[data-live]", (part) => htmx.trigger(part, "live"));
    lost = false;
  };
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = undefined;
  } else if (!source) {
    listen();
    each("[data-live]", (part) => htmx.trigger(part, "live"));
  }
});

// Busy: a form that takes a while says so, and is sent once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  const button = event.submitter;
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.method !== "post") return;
  form.dataset.sent = "1";
  button?.classList.add("is-busy");
});
window.addEventListener("pageshow", () => {
  each("form[data-sent]", (form) => delete form.dataset.sent);
  each(".is-busy", (button) => button.classList.remove("is-busy"));
});

// Select all; copy; confirm by typing.
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.all;
  if (name) each(`input[name="${name}"]`, (box) => { box.checked = event.target.checked; }, event.target.form);
});
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy || find(copy.dataset.copyFrom).textContent);
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
function choices() {
  return [...document.querySelectorAll("#palette-list li:not([hidden])")];
}
function narrow(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  each("#palette-list li", (item) => {
    const own = item.textContent.toLowerCase();
    item.hidden = !words.every((word) => own.includes(word));
  });
  choose(choices()[0]);
}
function choose(item) {
  each("#palette-list li", (other) => other.setAttribute("aria-selected", other === item));
  item?.scrollIntoView({ block: "nearest" });
  find("#palette-input").setAttribute("aria-activedescendant", item?.id || "");
}
function follow(item) {
  if (item) location.assign(item.dataset.href);
}
document.addEventListener("click", (event) => follow(event.target.closest("#palette-list li")));
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && find("#palette")) {
    event.preventDefault();
    openPalette();
    return;
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
document.addEventListener("input", (event) => {
  if (event.target.id === "palette-input") narrow(event.target.value);
});
document.addEventListener("htmx:after:swap", () => {
  if (find("#palette")?.open) narrow(find("#palette-input").value);
});

// Filters: hide what does not hold the words that are typed.
document.addEventListener("input", (event) => {
  const list = event.target.dataset?.filters && document.getElementById(event.target.dataset.filters);
  if (list) sift(list, event.target.value);
});
function sift(list, text) {
  const word = text.toLowerCase();
  for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(word);
}
document.addEventListener("submit", (event) => {
  if ("search" in event.target.dataset) event.preventDefault();
});

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
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tail]");
  if (!button) return;
  const list = document.getElementById(button.dataset.into);
  if (tail) {
    tail.close();
    tail = undefined;
  } else {
    tail = new EventSource(button.dataset.tail);
    tail.addEventListener("log", (e) => {
      const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
      list.append(line(JSON.parse(e.data)));
      sift(list, find("[data-filters=log]").value);
      while (list.children.length > mostLines) list.firstElementChild.remove();
      if (atEnd) list.scrollTop = list.scrollHeight;
      each("[data-empty=log]", (hint) => { hint.hidden = true; });
    });
    list.scrollTop = list.scrollHeight;
  }
  button.setAttribute("aria-pressed", String(Boolean(tail)));
});

// A notice is told once: the address forgets it.
if (new URLSearchParams(location.search).has("done")) {
  const url = new URL(location.href);
  url.searchParams.delete("done");
  history.replaceState(null, "", url);
}
each(".tabs [aria-current]", (tab) => tab.scrollIntoView({ block: "nearest", inline: "nearest" })); // a phone shows some of them
each("#log", (list) => { list.scrollTop = list.scrollHeight; });
find("#found")?.scrollIntoView({ block: "center" });
each("button.confirmed", (button) => { button.disabled = true; });

listen();
