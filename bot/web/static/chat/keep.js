/* What this browser keeps, so that a reload, a crash or a lost network loses nothing: small things and the outbox in
   localStorage (one key for each message: tabs never write over each other), files of unsent messages in IndexedDB. */

export class Keep {
  constructor(base) {
    this.prefix = `warmline ${base} `;
    this.files = new Files(`warmline ${base}`);
    try {
      localStorage.setItem(`${this.prefix}try`, "");
      localStorage.removeItem(`${this.prefix}try`);
      this.shelf = localStorage;
    } catch {
      this.shelf = new Memory(); // a browser that keeps nothing for us: all works until the page is left
    }
  }

  get(name) {
    try { return JSON.parse(this.shelf.getItem(this.prefix + name)); } catch { return null; }
  }

  set(name, value) {
    try {
      if (value === null) this.shelf.removeItem(this.prefix + name);
      else this.shelf.setItem(this.prefix + name, JSON.stringify(value));
      return true;
    } catch {
      return false; // full
    }
  }

  /** Everything whose name begins so, by name. */
  all(start) {
    const names = [];
    for (let at = 0; at < this.shelf.length; at++) {
      const key = this.shelf.key(at);
      if (key.startsWith(this.prefix + start)) names.push(key.slice(this.prefix.length));
    }
    return names.sort().map((name) => this.get(name)).filter(Boolean);
  }

  /** Told the name of what another tab has changed. */
  watch(told) {
    const heard = (event) => { if (event.key?.startsWith(this.prefix)) told(event.key.slice(this.prefix.length)); };
    addEventListener("storage", heard);
  }
}

class Memory extends Map {
  getItem(key) { return this.get(key) ?? null; }
  setItem(key, value) { this.set(key, value); }
  removeItem(key) { this.delete(key); }
  get length() { return this.size; }
  key(at) { return [...this.keys()][at]; }
}

/** Files of messages that are not sent yet, by message. */
class Files {
  constructor(name) {
    this.memory = new Map();
    this.opened = new Promise((resolve) => {
      try {
        const request = indexedDB.open(name, 1);
        request.onupgradeneeded = () => request.result.createObjectStore("files");
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
  }

  async #do(mode, work) {
    const database = await this.opened;
    if (!database) return undefined;
    return new Promise((resolve) => {
      const transaction = database.transaction("files", mode);
      const request = work(transaction.objectStore("files"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => resolve(undefined);
    });
  }

  async put(id, files) {
    this.memory.set(id, files);
    await this.#do("readwrite", (store) => store.put(files, id));
  }

  async get(id) {
    return this.memory.get(id) ?? (await this.#do("readonly", (store) => store.get(id)));
  }

  async remove(id) {
    this.memory.delete(id);
    await this.#do("readwrite", (store) => store.delete(id));
  }
}

/** A UUID, also where the page came by plain HTTP. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
