/* What the server says as it happens. One tab holds the connection (a Web Lock elects it) and tells the others; a tab
   that hears nothing from it listens for itself. Resumed by the number of the last line: no gap, nothing twice. */

const SILENCE = 11_000; // two heartbeats of five seconds, and a little
const ANSWER_WITHIN = 2000;

export class Stream {
  constructor(talk) {
    this.talk = talk;
    this.source = null;
    this.heard = 0;
    this.fails = 0;
    addEventListener("pagehide", () => this.#close());
  }

  start() {
    this.stop();
    this.going = true;
    this.heard = Date.now();
    this.ticker = setInterval(() => this.#tick(), 1000);
    if (!navigator.locks || !this.talk.channel) { this.#listen(); return; }
    this.leaving = new AbortController();
    const held = () => new Promise((release) => {
      this.release = release;
      this.leads = true;
      if (!this.source) this.#listen();
    });
    navigator.locks.request(`${this.talk.keep.prefix}stream`, { signal: this.leaving.signal }, held).catch(() => {});
    this.ask();
  }

  stop() {
    this.going = this.leads = false;
    clearInterval(this.ticker);
    clearTimeout(this.timer);
    this.leaving?.abort();
    this.release?.();
    this.#close();
  }

  /** Somebody may have slept, or the network is back: is the line still good? */
  wake() {
    if (!this.going) return;
    if (this.source || this.leads) {
      if (!this.source || !this.talk.link.live || Date.now() - this.heard > 6000) { this.fails = 0; this.#listen(); }
    } else {
      this.ask();
    }
  }

  // --- tabs -----------------------------------------------------------------------------------

  /** Ask the tab that holds the connection for what is missing here. */
  ask() {
    if (this.leads) return;
    this.asked = Date.now();
    this.talk.tell({ kind: "hello", after: this.talk.last });
  }

  answer(after) {
    if (!this.leads) return;
    this.talk.tell({ kind: "lines", after, lines: this.talk.lines.filter((line) => line.seq > after) });
    if (this.talk.state) this.talk.tell({ kind: "state", state: this.talk.state });
    this.talk.tell({ kind: "link", live: this.talk.link.live });
  }

  heardFromTab() {
    if (!this.source) { this.heard = Date.now(); this.asked = null; }
  }

  #tick() {
    const now = Date.now();
    if (this.source) {
      if (now - this.heard > SILENCE) this.#lost();
    } else if (!this.leads && !this.timer) {
      if (this.asked && now - this.asked > ANSWER_WITHIN) this.#listen();
      else if (!this.asked && now - this.heard > SILENCE + 2000) this.ask();
    }
  }

  // --- the connection -------------------------------------------------------------------------

  #listen() {
    this.#close();
    clearTimeout(this.timer);
    this.timer = null;
    this.heard = Date.now();
    const { base, token, last } = this.talk;
    const source = new EventSource(`${base}/api/web/conversations/${token}/events?state=1&after=${last}`);
    this.source = source;
    const on = (name, act) => source.addEventListener(name, (event) => {
      if (source !== this.source) return;
      this.heard = Date.now();
      if (!this.talk.link.live && navigator.onLine !== false) this.#live(true);
      act(event.data && JSON.parse(event.data));
    });
    on("open", () => { this.fails = 0; this.#live(true); this.talk.outbox.drain({ now: true }); });
    on("message", (line) => {
      const after = this.talk.last;
      this.talk.add([line]);
      this.#pass({ kind: "lines", after, lines: [line] });
    });
    on("state", (state) => { this.talk.setState(state); this.#pass({ kind: "state", state }); });
    on("typing", ({ author }) => { this.talk.setTyping(author); this.#pass({ kind: "typing", author }); });
    on("beat", () => this.#pass({ kind: "link", live: true }));
    source.addEventListener("error", () => source === this.source && this.#lost());
  }

  #pass(message) { if (this.leads) this.talk.tell(message); }

  #live(live) {
    this.talk.setLink(live);
    this.#pass({ kind: "link", live });
  }

  #lost() {
    this.#close();
    this.#live(false);
    const pause = Math.min(3000, 300 * 2 ** this.fails++) * (0.5 + Math.random());
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#again(), pause);
  }

  async #again() {
    if (!this.going) return;
    if (this.fails > 1) {
      // An event source does not say why it ended: is there still such a conversation?
      try {
        const response = await fetch(`${this.talk.base}/api/web/conversations/${this.talk.token}`);
        if (response.status === 404) { this.talk.forget(); return; }
      } catch { /* no network; the next try tells */ }
    }
    if (this.going) this.#listen();
  }

  #close() {
    this.source?.close();
    this.source = null;
  }
}
