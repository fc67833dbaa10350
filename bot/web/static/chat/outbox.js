/* What the customer has written and the server has not taken yet. Sent in order, by one tab, again and again with the
   same id until there is an answer; the server keeps it once. */

const PAUSES = [1000, 2000, 4000, 8000, 15_000];
const PATIENCE = 20_000;
const PATIENCE_WITH_FILES = 180_000;

export class Outbox {
  constructor(talk) {
    this.talk = talk;
    this.attempt = 0;
    this.loose = new Map(); // what the browser had no room for; it lives as long as the page
    this.refresh();
  }

  /** As kept: each `{id, text, button, at, files, state, error}`; state: waiting | sent | failed. */
  refresh() {
    const kept = this.talk.keep.all("out ").filter((entry) => !this.loose.has(entry.id));
    this.entries = [...kept, ...this.loose.values()].sort((one, other) => one.at - other.at);
  }

  #name(entry) { return `out ${entry.at} ${entry.id}`; }

  #save(entry) {
    if (this.talk.keep.set(this.#name(entry), entry)) this.loose.delete(entry.id);
    else this.loose.set(entry.id, entry);
    const others = this.entries.filter((other) => other.id !== entry.id);
    this.entries = [...others, entry].sort((one, other) => one.at - other.at);
    this.talk.changed();
  }

  #drop(entry) {
    this.talk.keep.set(this.#name(entry), null);
    this.loose.delete(entry.id);
    this.entries = this.entries.filter((other) => other.id !== entry.id);
    if (entry.files.length) this.talk.keep.files.remove(entry.id);
    this.talk.changed();
  }

  add(entry) {
    this.#save({ ...entry, state: "waiting" });
    this.drain();
  }

  /** The server's own line of it is here. */
  arrived(id) {
    const entry = this.entries.find((other) => other.id === id);
    if (entry) this.#drop(entry);
  }

  /** All lines are here: what was taken and has none belongs to a conversation that is gone. */
  settle() {
    for (const entry of this.entries) if (entry.state === "sent" && Date.now() - entry.at > 10_000) this.#drop(entry);
  }

  again(id) {
    const entry = this.entries.find((other) => other.id === id);
    if (!entry) return;
    this.#save({ ...entry, state: "waiting", error: null });
    this.drain({ now: true });
  }

  discard(id) {
    const entry = this.entries.find((other) => other.id === id);
    if (entry) this.#drop(entry);
  }

  /** Send what waits. `now`: do not wait for the pause after a failure to end. */
  drain({ now = false } = {}) {
    if (now) { clearTimeout(this.timer); this.timer = null; this.attempt = 0; }
    if (this.timer || this.busy || !this.entries.some((entry) => entry.state === "waiting")) return;
    this.busy = true;
    const work = () => this.#work();
    const name = this.talk.keep.prefix + "send";
    const done = navigator.locks ? navigator.locks.request(name, work) : work();
    done.catch(() => {}).finally(() => { this.busy = false; });
  }

  async #work() {
    for (;;) {
      this.refresh();
      const entry = this.entries.find((other) => other.state === "waiting");
      if (!entry) return;
      const pause = await this.#send(entry);
      if (pause !== null) {
        this.timer = setTimeout(() => { this.timer = null; this.drain(); }, pause);
        return;
      }
    }
  }

  /** Milliseconds to wait before it is tried again; null: it has its answer. */
  async #send(entry) {
    let response, data;
    try {
      const request = await this.#request(entry);
      if (!request) { this.#save({ ...entry, state: "failed", error: null, final: true }); return null; }
      response = await fetch(`${this.talk.base}/api/web/messages`, request);
      data = await response.json().catch((fault) => { if (response.ok) throw fault; return {}; });
      if (response.ok && typeof data.conversation !== "string") throw new Error("no conversation in the answer");
    } catch {
      // Nothing came, or only a part (the page is being left, a line broke): it may have arrived. The same id goes again.
      this.talk.setLink(false);
      return this.#pause();
    }
    if (response.ok) {
      this.attempt = 0;
      if (!this.talk.token) this.talk.setLink(true);
      this.#save({ ...entry, state: "sent", error: null });
      this.talk.opened(data.conversation);
      if (this.talk.lines.some((line) => line.id === entry.id)) this.arrived(entry.id);
      return null;
    }
    if (response.status === 404 && data.error?.code === "no_such_conversation" && this.talk.token) {
      this.talk.forget();
      return 0;
    }
    if (response.status >= 500 || response.status === 429 || response.status === 408) {
      const asked = Number(response.headers.get("Retry-After")) * 1000;
      return Math.max(asked || 0, this.#pause());
    }
    const final = entry.files.length > 0 && (data.error?.field === "file" || [413, 422].includes(response.status)); // so it would be again
    this.#save({ ...entry, state: "failed", error: data.error?.message || null, final });
    return null;
  }

  #pause() {
    const pause = PAUSES[Math.min(this.attempt++, PAUSES.length - 1)];
    return pause * (0.75 + Math.random() / 2);
  }

  /** Options of the request; null: its files are gone. */
  async #request(entry) {
    const { name, email } = this.talk.person;
    const token = this.talk.keep.get("token") ?? this.talk.token; // another tab may just have opened it
    const fields = { conversation: token, id: entry.id, text: entry.text, button: entry.button, name, email };
    const signal = AbortSignal.timeout?.(entry.files.length ? PATIENCE_WITH_FILES : PATIENCE);
    if (!entry.files.length) {
      const body = JSON.stringify(fields);
      return { method: "POST", headers: { "Content-Type": "application/json" }, body, signal, keepalive: body.length < 20_000 };
    }
    const files = await this.talk.keep.files.get(entry.id);
    if (!files) return null;
    const form = new FormData();
    for (const [key, value] of Object.entries(fields)) if (value) form.append(key, value);
    for (const file of files) form.append("file", file, file.name);
    return { method: "POST", body: form, signal };
  }
}
