/* The chat, for any website: <script async src="https://desk.example/widget.js"></script>
   This part shows the button; the rest is fetched when it is pressed, or when a conversation is under way. */
(() => {
  const script = document.currentScript || document.querySelector('script[src$="/widget.js"]');
  const base = new URL(".", script.src).href.slice(0, -1);
  const PANEL = "/static/newest/chat/panel.js";
  const NAME = "warmline-chat";
  if (customElements.get(NAME)) return;

  const STYLE = `
:host { all: initial; position: fixed; z-index: 2147483000; inset: auto 0 0 auto; color-scheme: light dark }
:host([data-position=left]) { inset: auto auto 0 0 }
:host([hidden]) { display: none }
.launcher { all: unset; box-sizing: border-box; position: fixed; display: grid; place-items: center; width: 56px; height: 56px;
  right: calc(24px + env(safe-area-inset-right, 0px)); bottom: calc(24px + env(safe-area-inset-bottom, 0px)); border-radius: 50%;
  color: #fff; background: #0a5c68; border: 2px solid transparent; box-shadow: 0 6px 20px #2b211440; cursor: pointer }
:host([data-position=left]) .launcher { right: auto; left: calc(24px + env(safe-area-inset-left, 0px)) }
.launcher:hover { background: #084852 }
.launcher:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #0a5c68 }
.launcher[hidden] { display: none }
.launcher svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round }
.launcher b { all: unset; position: absolute; top: -4px; right: -4px; box-sizing: border-box; min-width: 22px; height: 22px; padding: 0 6px;
  border-radius: 11px; color: #fff; background: #a3161f; border: 2px solid #fff; font: 700 12px/18px system-ui, sans-serif; text-align: center }
.launcher b[hidden] { display: none }
@media (max-width: 480px) { .launcher { right: 16px; bottom: calc(16px + env(safe-area-inset-bottom, 0px)) } }
@media (forced-colors: active) { .launcher { border-color: ButtonText } }
@media print { :host { display: none } }`;

  const SHAPE = "M4 5.5h16v10.5h-8.5L7 20v-4H4z|M8 9.5h8M8 12.500h5";

  class Chat extends HTMLElement {
    #panel = null;
    #unread = 0;
    #button;
    #number;

    connectedCallback() {
      if (this.shadowRoot) return;
      const root = this.attachShadow({ mode: "open" });
      this.style_(root, STYLE);
      this.#button = document.createElement("button");
      this.#button.type = "button";
      this.#button.className = "launcher";
      this.#number = document.createElement("b");
      this.#number.hidden = true;
      this.#button.append(drawing(), this.#number);
      this.#button.addEventListener("click", () => this.open());
      root.append(this.#button);
      this.unread = 0;
      if (this.#underWay()) this.load().catch(() => {});
      if (this.hasAttribute("data-open") && innerWidth > 480 && this.#session() !== "no") this.open({ focus: false });
      else if (this.#session() === "yes" && innerWidth > 480) this.open({ focus: false });
    }

    /** Styles without a <style> element where the browser can: no website's policy is in the way then. */
    style_(root, css) {
      try {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(css);
        root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
      } catch {
        const style = document.createElement("style");
        style.textContent = css;
        root.append(style);
      }
    }

    get unread() { return this.#unread; }
    set unread(count) {
      this.#unread = count;
      this.#number.hidden = !count;
      this.#number.textContent = count > 9 ? "9+" : String(count);
      this.#button.setAttribute("aria-label", count ? `Open the chat, ${count} new` : "Open the chat");
    }

    /** The panel, fetched once. A try that failed is not kept. */
    load() {
      this.#panel ??= import(base + PANEL)
        .then((module) => module.mount(this, base))
        .catch((error) => { this.#panel = null; throw error; });
      return this.#panel;
    }

    /** Opens the chat; `text` is put into the field if that is empty. */
    async open({ text = "", focus = true } = {}) {
      this.#button.setAttribute("aria-busy", "true");
      try {
        const panel = await this.load();
        this.#button.hidden = true;
        this.#session("yes");
        panel.open({ text, focus });
      } finally {
        this.#button.removeAttribute("aria-busy");
      }
    }

    /** Called by the panel when it has closed. */
    closed({ focus = true } = {}) {
      this.#button.hidden = false;
      this.#session("no");
      if (focus) this.#button.focus();
    }

    async close() { if (this.#panel) (await this.#panel).close(); }

    #underWay() {
      try { return Object.keys(localStorage).some((key) => key.startsWith(`warmline ${base} `)); } catch { return false; }
    }
    #session(value) {
      try { return value ? sessionStorage.setItem(`warmline ${base}`, value) : sessionStorage.getItem(`warmline ${base}`); } catch { return null; }
    }
  }

  function drawing() {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    for (const d of SHAPE.split("|")) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", d);
      svg.append(path);
    }
    return svg;
  }

  customElements.define(NAME, Chat);

  function settle() {
    let chat = document.querySelector(NAME);
    if (!chat) {
      chat = document.createElement(NAME);
      for (const key of ["open", "position", "theme", "name", "email"])
        if (key in script.dataset) chat.dataset[key] = script.dataset[key];
      document.body.append(chat);
    }
    // Any button or link of the page may open it: <button data-warmline-open data-warmline-text="About my bill: ">
    document.addEventListener("click", (event) => {
      const opener = event.target.closest?.("[data-warmline-open]");
      if (opener) { event.preventDefault(); chat.open({ text: opener.dataset.warmlineText || "" }); }
    });
    document.documentElement.classList.add("warmline-ready");
  }
  if (document.body) settle(); else addEventListener("DOMContentLoaded", settle);
})();
