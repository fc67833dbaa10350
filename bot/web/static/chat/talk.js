/* One conversation, as this browser knows it: the lines of the server, what is not sent yet, how the case stands.
   Tabs share it: what one hears, all know. Whoever shows it listens to "change". */

import { Keep, uuid } from "./keep.js";
import { Outbox } from "./outbox.js";
import { Stream } from "./stream.js";

const CACHED = 100;
const TYPING_SHOWN = 6_000;
const READING_SHOWN = 8_000;

export class Talk extends EventTarget {
  constructor(base, person) {
    super();
    this.base = base;
    this.person = person;
    this.keep = new Keep(base);
    this.token = this.keep.get("token");
    this.lines = [];
    this.state = null;
    this.about = null;
    this.typing = null;
    this.link = { live: true, since: 0 };
    this.channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(this.keep.prefix + "tabs") : null;
    this.channel?.addEventListener("message", (event) => this.#told(event.data));
    this.keep.watch((name) => this.#changedElsewhere(name));
    this.outbox = new Outbox(this);
    this.stream = new Stream(this);
  }

  start() {
    const cached = this.keep.get("log");
    if (this.token && cached?.token === this.token) {
      this.add(cached.lines, { quiet: true });
      this.state = cached.state;
    }
    this.learn();
    if (this.token) this.stream.start();
    this.outbox.drain();
    addEventListener("online", () => this.wake());
    addEventListener("offline", () => this.setLink(false));
    addEventListener("pageshow", (event) => event.persisted && this.wake());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.wake());
  }

  /** The network may be back, or the machine has slept. */
  wake() {
    this.stream.wake();
    this.outbox.drain({ now: true });
    if (!this.about) this.learn();
    this.changed();
  }

  changed() {
    if (this.telling) return;
    this.telling = true;
    queueMicrotask(() => {
      this.telling = false;
      this.dispatchEvent(new Event("change"));
    });
  }

  // --- who answers here -----------------------------------------------------------------------

  async learn(attempt = 0) {
    try {
      const response = await fetch(`${this.base}/api/web/about`);
      if (!response.ok) throw new Error(String(response.status));
      this.about = await response.json();
      if (!this.token) this.setLink(true);
      if (attempt) this.outbox.drain({ now: true });
      this.changed();
    } catch {
      if (!this.token) this.setLink(false);
      setTimeout(() => this.about || this.learn(attempt + 1), Math.min(5000, 1000 * 2 ** attempt));
    }
  }

  // --- what the server says -------------------------------------------------------------------

  get last() { return this.lines.at(-1)?.seq ?? 0; }

  /** The lines that are new, in their order; the same line twice is one. */
  add(lines, { quiet = false } = {}) {
    const known = new Set(this.lines.map((line) => line.seq));
    const fresh = lines.filter((line) => !known.has(line.seq));
    if (!fresh.length) return;
    this.lines = [...this.lines, ...fresh].sort((one, other) => one.seq - other.seq);
    for (const line of fresh) {
      if (line.from === "customer") { this.outbox.arrived(line.id); this.wroteAt = quiet ? 0 : Date.now(); }
      else this.typing = null;
    }
    if (!quiet) {
      this.dispatchEvent(new CustomEvent("lines", { detail: fresh }));
      this.#cache();
    }
    this.changed();
  }

  setState(state) {
    this.state = state;
    this.outbox.settle();
    if (this.about && "status" in state) this.about.status = state.status;
    this.#cache();
    this.changed();
  }

  /** The machine reads what was written just now, and nothing has been said to it yet. */
  get reading() {
    const line = this.lines.at(-1);
    const wants = line?.from === "customer" && this.state?.owner !== "human" && !/^(helped:yes|survey:)/.test(line.button ?? "");
    const left = READING_SHOWN - (Date.now() - (this.wroteAt ?? 0));
    if (!wants || left <= 0) return false;
    clearTimeout(this.readingTimer);
    this.readingTimer = setTimeout(() => this.changed(), left + 20);
    return true;
  }

  setTyping(author) {
    this.typing = author;
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => { this.typing = null; this.changed(); }, TYPING_SHOWN);
    this.changed();
  }

  setLink(live) {
    if (live === this.link.live) return;
    this.link = { live, since: Date.now() };
    this.changed();
    if (!live) for (const wait of [1500, 10_000]) setTimeout(() => this.changed(), wait + 20);
  }

  /** Seconds for which there has been no connection; 0 while there is one. */
  get lostFor() { return this.link.live ? 0 : (Date.now() - this.link.since) / 1000; }

  #cache() {
    // Only what is whole from the beginning can be continued; a longer one is read anew.
    this.keep.set("log", { token: this.token, state: this.state, lines: this.lines.length <= CACHED ? this.lines : [] });
  }

  // --- what the customer does -----------------------------------------------------------------

  /** Kept before it is sent; shown at once. */
  async write({ text, button = null, files = [] }) {
    const at = Math.max(Date.now(), (this.outbox.entries.at(-1)?.at ?? 0) + 1); // in the order they were written
    const entry = { id: uuid(), text, button, at, files: files.map(({ name, size, type }) => ({ name, size, type })) };
    if (files.length) await this.keep.files.put(entry.id, files);
    this.outbox.add(entry);
    return entry;
  }

  /** The server has taken a message: this is our conversation. */
  opened(token) {
    if (token === this.token) return;
    this.token = token;
    this.keep.set("token", token);
    this.stream.start();
    this.changed();
  }

  /** The server knows nothing of it any more. What is not sent yet begins a new one. */
  forget() {
    this.token = null;
    this.lines = [];
    this.state = null;
    for (const name of ["token", "log", "seen"]) this.keep.set(name, null);
    this.stream.stop();
    this.changed();
  }

  /** Everything up to the newest line has been before their eyes. */
  seen() {
    const seq = this.last;
    if (!this.token || seq <= this.seenSeq) return;
    this.keep.set("seen", { token: this.token, seq });
    this.changed();
    clearTimeout(this.seenTimer);
    this.seenTimer = setTimeout(() => this.post("seen", { seq: this.seenSeq }).catch(() => {}), 300);
  }

  get seenSeq() {
    const kept = this.keep.get("seen");
    return Math.max(kept?.token === this.token ? kept.seq : 0, this.state?.seen ?? 0);
  }

  get unread() {
    const seen = this.seenSeq;
    return this.lines.filter((line) => line.seq > seen && line.from !== "customer").length;
  }

  typed() {
    if (this.state?.owner !== "human" || Date.now() - (this.typedAt ?? 0) < 4000) return;
    this.typedAt = Date.now();
    this.post("typing").catch(() => {});
  }

  async reach(email) {
    const response = await this.post("email", { email, name: this.person.name || undefined });
    if (response.ok) this.setState(await response.json());
    return response;
  }

  post(what, body) {
    return fetch(`${this.base}/api/web/conversations/${this.token}/${what}`, {
      method: "POST",
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
      keepalive: true,
    });
  }

  fileUrl(file) { return `${this.base}/api/web/conversations/${this.token}/files/${file.id}`; }

  // --- other tabs -----------------------------------------------------------------------------

  tell(message) { this.channel?.postMessage({ ...message, token: this.token }); }

  #told(message) {
    if (message.token !== this.token) return;
    switch (message.kind) {
      case "hello":
        this.stream.answer(message.after);
        break;
      case "lines":
        this.stream.heardFromTab();
        if (message.after > this.last && !this.stream.source) this.stream.ask(); // one in between was missed
        this.add(message.lines);
        break;
      case "state":
        this.stream.heardFromTab();
        this.setState(message.state);
        break;
      case "typing":
        this.setTyping(message.author);
        break;
      case "link":
        this.stream.heardFromTab();
        if (!this.stream.source) this.setLink(message.live);
        break;
    }
  }

  #changedElsewhere(name) {
    if (name === "token") {
      const token = this.keep.get("token");
      if (token && token !== this.token) { this.token = token; this.lines = []; this.stream.start(); }
      else if (!token && this.token) this.forget();
    } else if (name.startsWith("out ")) {
      this.outbox.refresh();
    }
    if (name !== "log") this.changed();
  }
}
