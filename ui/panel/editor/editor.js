// The editor of the playbooks. It takes the place of a textarea, which stays what
// the form sends and what those without scripts have; the panel's script loads it when
// somebody goes to the text, with the cursor where it is by then. It lives in a shadow root:
// there CodeMirror adopts its styles as a sheet, so the page's policy needs
// neither a nonce nor inline styles.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { lua } from "@codemirror/legacy-modes/mode/lua";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: tags.keyword, color: "var(--violet)" },
  { tag: tags.string, color: "var(--green)" },
  { tag: [tags.number, tags.bool, tags.atom], color: "var(--amber)" },
  { tag: tags.standard(tags.variableName), color: "var(--blue)" },
]);

// The panel's own properties reach into the shadow root, so day and night follow.
const look = EditorView.theme({
  "&": { background: "var(--card)", color: "var(--ink)", border: "1px solid var(--edge)", borderRadius: "var(--round-small)", fontSize: "var(--sm)", height: "min(70vh, 44rem)", overflow: "hidden" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.65", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "var(--s3) 0" },
  ".cm-gutters": { background: "var(--card)", color: "var(--soft)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { background: "color-mix(in oklab, var(--raised) 60%, transparent)" },
  ".cm-line ::selection, .cm-line::selection": { background: "color-mix(in oklab, var(--accent) 26%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { background: "var(--blue-bg)", outline: "1px solid var(--blue)" },
  "&.cm-focused .cm-nonmatchingBracket": { background: "var(--red-bg)", outline: "1px solid var(--red)" },
  ".cm-line.wrong": { background: "var(--red-bg)", boxShadow: "inset 3px 0 var(--red)" },
});

// Lines that the last check complained of.
const complaints = StateEffect.define();
const wrong = StateField.define({
  create: () => Decoration.none,
  update(marks, change) {
    for (const effect of change.effects) if (effect.is(complaints)) return effect.value;
    return marks.map(change.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});
function complain(view) {
  const lines = [...document.querySelectorAll("#editor-result [data-line]")].map((said) => lineOf(view.state, said).from);
  const marks = [...new Set(lines)].map((at) => Decoration.line({ class: "wrong" }).range(at));
  view.dispatch({ effects: complaints.of(Decoration.set(marks, true)) });
}
function lineOf(state, said) {
  return state.doc.line(Math.min(Math.max(Number(said.dataset.line) || 1, 1), state.doc.lines));
}
function show(view, from, to = from) {
  view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
}

// next shows where the text holds the words next, and begins again at its end.
function next(view, words) {
  const text = view.state.doc.toString().toLowerCase();
  words = words.toLowerCase();
  let at = text.indexOf(words, view.state.selection.main.to);
  if (at < 0) at = text.indexOf(words);
  if (words && at >= 0) show(view, at, at + words.length);
}

function open(textarea) {
  const place = document.createElement("div");
  place.className = "codemirror";
  const root = place.attachShadow({ mode: "open", delegatesFocus: true });
  if (!("adoptedStyleSheets" in root)) return; // an old browser keeps the textarea
  const finder = document.querySelector("[data-finds]");
  let saved = textarea.defaultValue;
  const active = document.activeElement === textarea;
  const press = (name) => ({ run: () => { textarea.form.querySelector(`[value=${name}]`).click(); return true; } });
  const view = new EditorView({
    parent: root, root,
    state: EditorState.create({
      doc: textarea.value,
      selection: { anchor: textarea.selectionStart, head: textarea.selectionEnd },
      extensions: [
        lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), indentOnInput(), bracketMatching(), highlightActiveLine(), wrong,
        StreamLanguage.define(lua), syntaxHighlighting(colours), indentUnit.of("  "), EditorState.tabSize.of(2), look,
        EditorView.contentAttributes.of({ "aria-label": textarea.labels[0].textContent + ". " + textarea.dataset.keys }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          textarea.value = update.state.doc.toString();
          update.view.setTabFocusMode(false);
        }),
        EditorView.domEventHandlers({ focus: (_, view) => { view.setTabFocusMode(false); } }),
        keymap.of([{ key: "Escape", run: (view) => { view.setTabFocusMode(true); return false; } }, // Tab leaves from then on, however long one takes
          { key: "Mod-Enter", ...press("check") }, { key: "Mod-f", run: () => { finder.focus(); finder.select(); return true; } }, ...defaultKeymap, ...historyKeymap, indentWithTab]),
      ],
    }),
  });
  textarea.required = false; // nobody could be led to it
  textarea.after(place);
  const at = textarea.scrollTop;
  textarea.hidden = true;
  view.scrollDOM.scrollTop = at;
  if (active) view.focus();
  textarea.labels[0].addEventListener("click", () => view.focus());
  finder.addEventListener("keydown", (event) => {
    if (event.key === "Escape") view.focus();
    if (event.key !== "Enter") return;
    event.preventDefault();
    next(view, finder.value);
  });
  document.addEventListener("htmx:after:swap", () => complain(view));
  complain(view);
  document.addEventListener("click", (event) => {
    const said = event.target.closest("button[data-line]");
    if (!said) return;
    show(view, lineOf(view.state, said).from);
    view.focus();
  });
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response.headers.has("HX-Redirect")) saved = textarea.value;
  });
  window.addEventListener("beforeunload", (event) => { if (textarea.value !== saved) event.preventDefault(); });
}

document.querySelectorAll("textarea[data-code]").forEach(open);
