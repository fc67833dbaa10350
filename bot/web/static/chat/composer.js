/* Where the customer writes: Enter sends, Shift+Enter makes a line, files come by choosing, dropping or pasting. */

import { h, icon } from "./dom.js";
import { size, words } from "./words.js";

const LINES = 6;
const NEAR = 0.8;

export class Composer {
  constructor(talk, send) {
    this.talk = talk;
    this.send = send;
    this.files = [];
    this.field = h("textarea", { rows: 1, "aria-label": words.field, placeholder: words.placeholder, dir: "auto", autocomplete: "off", enterKeyHint: "send" });
    this.button = h("button", { type: "submit", class: "send", "aria-label": words.send }, icon("send"));
    this.chooser = h("input", { type: "file", multiple: true, hidden: true, tabIndex: -1, "aria-hidden": "true" });
    this.clip = h("button", { type: "button", class: "quiet clip", "aria-label": words.attach, hidden: true, onclick: () => this.chooser.click() }, icon("clip"));
    this.list = h("ul", { class: "files", hidden: true });
    this.told = h("p", { class: "told", role: "status", hidden: true });
    this.element = h("form", { class: "composer" }, this.list, this.told, h("div", { class: "row" }, this.clip, this.chooser, this.field, this.button));
    this.field.value = talk.keep.get("draft") || "";
    this.element.addEventListener("submit", (event) => { event.preventDefault(); this.#submit(); });
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.field.addEventListener("input", () => this.#typed());
    this.field.addEventListener("paste", (event) => this.#pasted(event));
    this.chooser.addEventListener("change", () => { this.#add([...this.chooser.files]); this.chooser.value = ""; this.focus(); });
    this.#grow();
  }

  focus({ unlessTouch = false } = {}) {
    if (unlessTouch && matchMedia("(pointer: coarse)").matches) return;
    this.field.focus({ preventScroll: true });
  }

  /** Words to begin with; what somebody has written already is not touched. */
  suggest(text) {
    if (!this.field.value.trim()) {
      this.field.value = text;
      this.#typed();
    }
    this.focus();
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
  }

  acceptDropsOn(element) {
    const carries = (event) => this.limits && event.dataTransfer?.types.includes("Files");
    element.addEventListener("dragover", (event) => { if (carries(event)) { event.preventDefault(); element.dataset.drop = words.drop; } });
    element.addEventListener("dragleave", (event) => { if (!element.contains(event.relatedTarget)) delete element.dataset.drop; });
    element.addEventListener("drop", (event) => {
      delete element.dataset.drop;
      if (carries(event)) { event.preventDefault(); this.#add([...event.dataTransfer.files]); this.focus(); }
    });
  }

  render() {
    this.limits = this.talk.about?.files ?? null;
    this.clip.hidden = !this.limits;
    if (this.limits) this.chooser.accept = this.limits.accept;
    this.#count();
  }

  #key(event) {
    // While an input method composes, Enter chooses a word. (Safari says so only by the key code.)
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#submit();
  }

  #typed() {
    this.talk.keep.set("draft", this.field.value || null);
    this.#grow();
    this.#count();
    if (this.field.value.trim()) this.talk.typed();
  }

  #grow() {
    this.field.style.height = "auto";
    const line = parseFloat(getComputedStyle(this.field).lineHeight) || 22;
    this.field.style.height = `${Math.min(this.field.scrollHeight, line * LINES + 24)}px`;
  }

  #count() {
    const most = this.talk.about?.max_length ?? 10_000;
    const written = [...this.field.value].length;
    this.over = written > most;
    const near = written > most * NEAR;
    const text = near ? words.lettersLeft(most - written) : (this.fault ?? "");
    this.told.hidden = !text;
    this.told.classList.toggle("over", this.over || Boolean(this.fault));
    if (this.told.textContent !== text) this.told.textContent = text;
    this.button.disabled = this.over || !(this.field.value.trim() || this.files.length);
  }

  #submit() {
    const text = this.field.value.trim();
    if (this.over || !(text || this.files.length)) { this.focus(); return; }
    this.send({ text, files: this.files });
    this.field.value = "";
    this.files = [];
    this.fault = null;
    this.talk.keep.set("draft", null);
    this.#showFiles();
    this.#grow();
    this.#count();
    this.focus();
  }

  // --- files ----------------------------------------------------------------------------------

  #pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length && this.limits) { event.preventDefault(); this.#add(files); }
  }

  #add(files) {
    const { most, each, together } = this.limits;
    this.fault = null;
    for (const file of files) {
      const sum = this.files.reduce((bytes, other) => bytes + other.size, file.size);
      if (this.files.length >= most) this.fault = words.tooMany(most);
      else if (file.size > each) this.fault = words.tooLarge(file.name, size(each));
      else if (sum > together) this.fault = words.tooMuch(size(together));
      else { this.files.push(file); continue; }
      break;
    }
    this.#showFiles();
    this.#count();
  }

  #showFiles() {
    for (const image of this.list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    this.list.hidden = !this.files.length;
    this.list.replaceChildren(...this.files.map((file) => h(
      "li",
      {},
      /^image\/(png|jpeg|gif|webp)$/.test(file.type) ? h("img", { src: URL.createObjectURL(file), alt: "" }) : icon("file"),
      h("bdi", {}, file.name),
      h("span", {}, size(file.size)),
      h("button", { type: "button", class: "quiet", "aria-label": words.remove(file.name), onclick: () => { this.files = this.files.filter((other) => other !== file); this.fault = null; this.#showFiles(); this.#count(); this.focus(); } }, icon("close")),
    )));
  }
}
