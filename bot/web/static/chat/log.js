/* The messages: the server's lines, then what is not sent yet, then who types. What is there already stays where it is;
   the list follows only while its end is in view. */

import { h, icon, linked, plain, rich } from "./dom.js";
import { day, size, time, words } from "./words.js";

const TOGETHER = 180_000; // messages of one author within three minutes stand together
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

export class Log {
  constructor(talk, does) {
    this.talk = talk;
    this.does = does;
    this.nodes = new Map();
    this.following = true;
    this.list = h("ol", { class: "lines", "aria-label": words.messages, tabIndex: 0 });
    // Read out: what others say. The list itself is silent, so that nobody hears their own words again.
    this.voice = h("div", { class: "unseen", role: "log", "aria-live": "polite", "aria-label": words.messages });
    this.more = h("button", { type: "button", class: "more", hidden: true, onclick: () => { this.follow(); this.toEnd(); } });
    this.element = h("div", { class: "log" }, this.list, this.voice, this.more);
    this.list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    talk.addEventListener("lines", (event) => this.#came(event.detail));
    new ResizeObserver(() => this.following && this.toEnd()).observe(this.list);
  }

  get atEnd() { return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60; }

  toEnd() { this.list.scrollTop = this.list.scrollHeight; }

  follow() { this.following = true; this.fresh = 0; }

  #scrolled() {
    this.following = this.atEnd;
    if (this.following) { this.fresh = 0; this.more.hidden = true; this.does.seen(); }
  }

  #came(lines) {
    const theirs = lines.filter((line) => line.from !== "customer");
    if (!this.following) this.fresh = (this.fresh || 0) + theirs.length;
    // The history is not read out, only what comes while the chat is open.
    if (this.ready) for (const line of theirs) {
      this.voice.append(h("p", {}, `${this.#author(line)}: ${line.text}`));
      while (this.voice.childElementCount > 20) this.voice.firstChild.remove();
    }
  }

  // --- drawing --------------------------------------------------------------------------------

  render() {
    const items = [...this.#items()];
    const kept = new Set(items.map((item) => item.key));
    for (const [key, { node }] of this.nodes) if (!kept.has(key)) { node.remove(); this.nodes.delete(key); }
    items.forEach((item, at) => {
      let known = this.nodes.get(item.key);
      if (!known || known.sign !== item.sign) {
        const node = item.draw();
        known?.node.replaceWith(node);
        this.nodes.set(item.key, (known = { node, sign: item.sign }));
      }
      if (this.list.children[at] !== known.node) this.list.insertBefore(known.node, this.list.children[at] || null);
    });
    if (this.following) this.toEnd();
    this.more.hidden = this.following || !this.fresh;
    if (!this.more.hidden) this.more.replaceChildren(words.fresh(this.fresh), icon("down"));
    this.ready = Boolean(this.talk.state) || !this.talk.token;
  }

  *#items() {
    const { lines, outbox, state, about, typing } = this.talk;
    const waiting = outbox.entries.filter((entry) => !lines.some((line) => line.id === entry.id));
    if (!lines.length && !waiting.length) {
      if (!this.talk.token) yield { key: "hello", sign: `${about?.company}|${about?.opens}`, draw: () => this.#hello() };
      return;
    }
    const pressed = this.#pressed(lines, waiting);
    const asking = lines.findLast?.((line) => line.buttons.length) ?? [...lines].reverse().find((line) => line.buttons.length);
    const handed = lines.filter((line) => line.kind === "acknowledgement").at(-1)?.seq ?? 0;
    const lastOwn = lines.filter((line) => line.from === "customer").at(-1);
    let before = null;
    for (const line of lines) {
      const at = new Date(line.at);
      const name = day(at);
      if (!before || day(new Date(before.at)) !== name) yield { key: `day ${at.toDateString()}`, sign: name, draw: () => h("li", { class: "day" }, h("span", {}, name)) };
      const joins = Boolean(before) && before.from === line.from && before.author === line.author && line.kind !== "acknowledgement"
        && before.kind !== "acknowledgement" && at - new Date(before.at) < TOGETHER && (line.kind === "notice") === (before.kind === "notice");
      const live = line === asking && !pressed.has(line.seq) && line.seq > handed;
      const own = line === lastOwn && !waiting.length;
      const sign = [joins, live, pressed.get(line.seq), own].join("|");
      yield { key: `line ${line.seq}`, sign, draw: () => this.#line(line, { joins, live, pressed: pressed.get(line.seq), own }) };
      before = line;
    }
    for (const entry of waiting) {
      const offline = this.talk.lostFor > 1.5;
      yield { key: `out ${entry.id}`, sign: `${entry.state}|${entry.error}|${offline}`, draw: () => this.#entry(entry, offline) };
    }
    const asks = state?.ask_email && about?.mail && this.talk.keep.get("not now") !== state.case;
    if (asks) yield { key: "email", sign: "ask", draw: () => this.#askEmail(state) };
    else if (state?.email && about?.mail && state.owner === "human" && !state.resolved) yield { key: "email", sign: state.email, draw: () => this.#reach(state) };
    const reads = typing === null && !waiting.length && this.talk.reading && about;
    if (reads) yield { key: "typing", sign: "reads", draw: () => h("li", { class: "line bot typing" }, h("p", { class: "bubble" }, h("i"), h("i"), h("i"), h("span", {}, words.reads(about.bot)))) };
    if (typing !== null) yield { key: "typing", sign: typing, draw: () => h("li", { class: "line agent typing" }, h("p", { class: "bubble" }, h("i"), h("i"), h("i"), h("span", {}, words.typing(typing)))) };
  }

  /** Which button of which line was pressed: the next thing the customer did after it was to press one of its own. */
  #pressed(lines, waiting) {
    const found = new Map();
    let asking = null;
    for (const line of lines) {
      if (line.buttons.length) asking = line;
      else if (line.from === "customer" && line.button && asking?.buttons.some((button) => button.id === line.button)) {
        found.set(asking.seq, line.button);
        asking = null;
      }
    }
    for (const entry of waiting)
      if (asking && entry.button && entry.state !== "failed" && asking.buttons.some((button) => button.id === entry.button)) found.set(asking.seq, entry.button);
    return found;
  }

  #author(line) {
    if (line.from === "customer") return words.you;
    if (["acknowledgement", "notice", "event"].includes(line.kind) && line.from === "system") return words.notice;
    return line.author || words.team;
  }

  #line(line, { joins, live, pressed, own }) {
    const at = new Date(line.at);
    const from = line.from === "customer" ? "own" : line.from === "agent" ? "agent" : line.kind === "answer" || line.kind === "survey" || line.from === "bot" ? "bot" : "notice";
    const stamp = h("time", { dateTime: line.at, title: at.toLocaleString("en") }, time(at));
    const label = from === "own"
      ? h("span", { class: "unseen" }, `${words.you}, `)
      : h("p", { class: "label" }, this.#badge(from, line), h("bdi", {}, this.#author(line)), from === "bot" && !/bot$/i.test(line.author) ? h("em", {}, words.bot) : "", stamp);
    const body = h("div", { class: "bubble" }, ...(line.rich ? rich(line.rich) : plain(line.text)), ...this.#files(line));
    const parts = [joins || from === "own" ? "" : label, from === "own" ? label : "", body];
    if (line.buttons.length) parts.push(this.#buttons(line, live, pressed));
    if (pressed?.startsWith("survey:")) parts.push(h("p", { class: "fine" }, words.thanks));
    if (own) parts.push(h("p", { class: "fine state" }, icon("check"), words.sent, " ", time(at)));
    const handed = line.kind === "acknowledgement" ? h("p", { class: "handed" }, h("span", {}, words.handed)) : "";
    return h("li", { class: `line ${from}${joins ? " joins" : ""}`, "data-seq": line.seq }, handed, ...parts);
  }

  #badge(from, line) {
    if (from === "agent") return h("i", { class: "face", "aria-hidden": "true" }, [...(line.author || "?")][0].toUpperCase());
    return from === "bot" ? icon("bot") : icon("clock");
  }

  #buttons(line, live, pressed) {
    return h(
      "div",
      { class: "buttons", role: "group" },
      ...line.buttons.map((button) =>
        h(
          "button",
          {
            type: "button",
            class: button.id === pressed ? "pressed" : "",
            disabled: !live,
            "aria-pressed": pressed ? String(button.id === pressed) : null,
            onclick: () => this.does.press(button),
          },
          button.id === pressed ? icon("check") : "",
          h("span", {}, button.label),
        ),
      ),
    );
  }

  #files(line) {
    return (line.files || []).map((file) => {
      if (file.refused) return h("p", { class: "refused" }, icon("warn"), h("span", {}, h("bdi", {}, file.refused)));
      const href = this.talk.fileUrl(file);
      if (PICTURES.has(file.type)) {
        const picture = h("img", { src: href, alt: words.picture(file.name), loading: "lazy", width: 220, height: 150 });
        return h("a", { class: "picture", href, target: "_blank", rel: "noopener" }, picture);
      }
      return h("a", { class: "file", href, download: file.name }, icon("file"), h("bdi", {}, file.name), h("span", {}, size(file.size)));
    });
  }

  #entry(entry, offline) {
    const failed = entry.state === "failed";
    const files = entry.files.map((file) => h("p", { class: "file" }, icon("file"), h("bdi", {}, file.name), h("span", {}, size(file.size))));
    const told = failed ? "" : h("p", { class: "fine state" }, icon("clock"), entry.state === "sent" ? words.sent : offline ? words.waiting : words.sending);
    return h(
      "li",
      { class: `line own ${entry.state}`, "data-id": entry.id },
      h("span", { class: "unseen" }, `${words.you}, `),
      h("div", { class: "bubble" }, ...plain(entry.text), ...files),
      told,
      failed ? h("p", { class: "fault", role: "alert" }, icon("warn"), h("span", {}, entry.error || (entry.final ? words.fileGone : ""))) : "",
      failed
        ? h(
            "div",
            { class: "buttons" },
            entry.final ? "" : h("button", { type: "button", onclick: () => this.talk.outbox.again(entry.id) }, icon("again"), h("span", {}, words.failed)),
            h("button", { type: "button", onclick: () => this.talk.outbox.discard(entry.id) }, words.discard),
          )
        : "",
    );
  }

  #hello() {
    const { about } = this.talk;
    return h(
      "li",
      { class: "hello" },
      h("i", { class: "warm", "aria-hidden": "true" }),
      h("h3", {}, words.hello(about?.company)),
      h("p", {}, words.invite),
      about && !about.open ? h("p", { class: "fine" }, words.backFull(about.opens)) : "",
      h("div", { class: "buttons starts" }, ...words.starts.map((start) => h("button", { type: "button", onclick: () => this.does.start(start) }, start.person ? icon("person") : "", h("span", {}, start.label)))),
    );
  }

  // --- where the answer goes ------------------------------------------------------------------

  #askEmail(state) {
    const fault = h("p", { class: "fault", role: "alert", id: "warmline-fault", hidden: true });
    const field = h("input", { type: "email", name: "email", autocomplete: "email", required: true, maxLength: 320, placeholder: "name@example.com", "aria-label": words.email, "aria-describedby": "warmline-fault" });
    const save = h("button", { class: "solid" }, words.save);
    const later = h("button", { type: "button", onclick: () => { this.talk.keep.set("not now", state.case); this.talk.changed(); this.does.settled(); } }, words.notNow);
    const form = h("form", { class: "email", noValidate: true }, h("p", {}, icon("mail"), h("span", {}, words.askEmail)), h("div", { class: "row" }, field, save), fault, later);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      save.disabled = true;
      let said = words.reconnecting;
      try {
        const response = await this.talk.reach(field.value.trim());
        if (response.ok) { this.does.settled(); return; }
        said = (await response.json()).error?.message ?? said;
      } catch { /* no network: said so */ }
      save.disabled = false;
      fault.hidden = false;
      fault.textContent = said;
      field.setAttribute("aria-invalid", "true");
      field.focus();
    });
    return h("li", { class: "asks" }, form);
  }

  #reach(state) {
    return h("li", { class: "reach" }, icon("mail"), h("span", {}, ...linked(words.reach(state.email))));
  }
}
