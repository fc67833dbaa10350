/* The panel as a whole: what stands above the messages, opening and closing, what is unread. */

import { Composer } from "./composer.js";
import { h, icon } from "./dom.js";
import { Log } from "./log.js";
import { left, moment, time, words } from "./words.js";

const RECONNECTING_AFTER = 1.5;
const LOST_AFTER = 10;

export class View {
  constructor(host, talk) {
    this.host = host;
    this.talk = talk;
    this.title = null;
    this.name = h("h2", { class: "company", id: "warmline-name" });
    this.hours = h("p", { class: "hours" });
    this.person = h("button", { type: "button", class: "person", onclick: () => this.#askForPerson() }, icon("person"), h("span", {}, words.person));
    this.trouble = h("p", { class: "trouble", role: "status", hidden: true });
    this.stand = h("div", { class: "stand", hidden: true });
    this.line = h("p", { class: "offline", role: "status", hidden: true });
    this.composer = new Composer(talk, (message) => this.#send(message));
    this.foot = h("div", { class: "foot" }, this.person, h("span", { class: "keys" }, words.keys));
    this.composer.element.append(this.foot);
    this.log = new Log(talk, {
      press: (button) => this.#press(button),
      start: (start) => this.#start(start),
      seen: () => this.#seen(),
      settled: () => this.composer.focus({ unlessTouch: true }),
    });
    this.element = h(
      "section",
      { class: "panel", role: "dialog", "aria-labelledby": "warmline-name", tabIndex: -1, hidden: true },
      h(
        "header",
        {},
        h("i", { class: "mark", "aria-hidden": "true" }),
        h("div", { class: "who" }, this.name, this.hours),
        h("button", { type: "button", class: "quiet close", "aria-label": words.close, onclick: () => this.close() }, icon("close")),
      ),
      this.trouble,
      this.stand,
      this.log.element,
      this.line,
      this.composer.element,
    );
    this.phone = matchMedia("(max-width: 480px)"); // as in panel.css: there it covers the page
    this.phone.addEventListener("change", () => this.#cover());
    addEventListener("keydown", (event) => this.#key(event), true);
    host.shadowRoot.append(this.element);
    this.composer.acceptDropsOn(this.element);
    talk.addEventListener("change", () => this.render());
    for (const name of ["visibilitychange", "focus"]) (name === "focus" ? window : document).addEventListener(name, () => this.#seen());
    visualViewport?.addEventListener("resize", () => this.#fit());
    visualViewport?.addEventListener("scroll", () => this.#fit());
    setInterval(() => this.isOpen && this.#renderStand(), 20_000);
    this.render();
  }

  get isOpen() { return !this.element.hidden; }

  open({ text = "", focus = true } = {}) {
    this.element.hidden = false;
    this.#cover();
    this.#fit();
    this.render();
    this.log.toEnd();
    if (text) this.composer.suggest(text);
    if (focus) this.composer.focus();
    this.#seen();
  }

  close() {
    this.element.hidden = true;
    this.#cover();
    this.host.closed();
    this.render();
  }

  /** Where it covers the page, the page can be neither reached nor moved. */
  #cover() {
    const covers = this.isOpen && this.phone.matches;
    if (covers === Boolean(this.behind)) return;
    this.element.setAttribute("aria-modal", covers);
    const page = document.documentElement.style;
    if (covers) {
      this.behind = [];
      for (let node = this.host; node.parentElement && node !== document.body; node = node.parentElement)
        this.behind.push(...[...node.parentElement.children].filter((other) => other !== node && !other.inert));
      this.overflow = page.overflow;
    }
    for (const node of this.behind) node.inert = covers;
    page.overflow = covers ? "hidden" : this.overflow;
    if (!covers) this.behind = null;
  }

  #key(event) {
    const inside = event.composedPath().includes(this.element);
    if (!this.isOpen || event.isComposing || !(inside || this.behind)) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Tab" && this.behind) {
      const stops = [...this.element.querySelectorAll("a, button, input, textarea, [tabindex='0']")].filter((stop) => stop.offsetParent && !stop.disabled);
      const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
      if (inside && this.host.shadowRoot.activeElement !== from) return;
      event.preventDefault();
      to.focus();
    }
  }

  // --- what the customer does -----------------------------------------------------------------

  #send(message) {
    this.log.follow();
    this.talk.write(message);
  }

  #press({ id, label }) {
    this.#send({ text: label, button: id });
    this.composer.focus({ unlessTouch: true });
  }

  #askForPerson() { this.#press({ id: "person", label: words.person }); }

  #start(start) {
    if (start.person) this.#askForPerson();
    else this.composer.suggest(start.text);
  }

  #seen() {
    if (this.isOpen && document.visibilityState === "visible" && this.log.atEnd) this.talk.seen();
  }

  // --- what is shown --------------------------------------------------------------------------

  render() {
    const { about, state } = this.talk;
    if (about) {
      this.name.textContent = about.company;
      const waits = state && !state.resolved && state.by;
      const held = state && !state.resolved && state.agent;
      this.hours.textContent = held ? words.answers(held) : about.open ? words.openNow : waits ? "" : words.back(about.opens);
      this.hours.classList.toggle("open", about.open);
      this.hours.title = about.hours;
      this.trouble.hidden = about.status?.state !== "trouble";
      if (!this.trouble.hidden && this.trouble.textContent !== about.status.text) this.trouble.replaceChildren(icon("warn"), h("span", {}, about.status.text));
    } else if (!this.name.textContent) {
      this.name.textContent = words.chat("");
    }
    this.person.hidden = !this.talk.token && !this.talk.outbox.entries.length; // it stands among the ways to begin
    this.foot.hidden = state?.owner === "human" || this.talk.outbox.entries.some((entry) => entry.button === "person" && entry.state !== "failed");
    this.#renderStand();
    this.#renderLine();
    this.log.render();
    this.composer.render();
    this.#renderUnread();
    this.#seen();
  }

  /** Where the case stands: its number, the place in line or who has it, and until when. */
  #renderStand() {
    const state = this.talk.state;
    const now = new Date();
    this.stand.hidden = !state?.case;
    if (this.stand.hidden) return;
    const by = state.by && new Date(state.by) > now ? new Date(state.by) : null;
    const what = state.resolved ? words.resolved : state.agent ? words.has(state.agent) : state.place ? words.inLine(state.place) : words.waits;
    const key = [state.case, what, by && left(by, now), state.resolved].join("|");
    if (this.stand.dataset.key === key) return;
    this.stand.dataset.key = key;
    this.stand.className = `stand${state.resolved ? " done" : state.agent ? " held" : ""}`;
    this.stand.replaceChildren(
      h("i", { class: "warm", "aria-hidden": "true" }),
      h("p", {}, h("b", {}, state.case), h("span", {}, what)),
      by ? h("p", { class: "until" }, h("b", {}, words.by(moment(by, now))), h("span", {}, words.minutesLeft(left(by, now)))) : "",
    );
  }

  #renderLine() {
    const lost = this.talk.lostFor;
    const text = lost >= LOST_AFTER ? words.lost(time(this.talk.link.since)) : lost >= RECONNECTING_AFTER ? words.reconnecting : "";
    this.line.hidden = !text;
    this.line.classList.toggle("long", lost >= LOST_AFTER);
    if (this.line.textContent !== text) this.line.textContent = text;
  }

  #renderUnread() {
    const count = this.isOpen && document.visibilityState === "visible" ? 0 : this.talk.unread;
    if (this.host.unread !== count) this.host.unread = count;
    if (count && this.title === null) this.title = document.title;
    if (this.title !== null) document.title = count ? `(${count}) ${this.title}` : this.title;
    if (!count) this.title = null;
  }

  /** On a phone the keyboard takes its part of the screen; the field stays above it. */
  #fit() {
    const view = visualViewport;
    if (!view || !this.isOpen) return;
    this.element.style.setProperty("--height", `${view.height}px`);
    this.element.style.setProperty("--top", `${view.offsetTop}px`);
  }
}
