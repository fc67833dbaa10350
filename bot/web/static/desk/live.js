// What happens in the house, on one stream for the whole browser: a lock elects the page that holds it, the others are
// told over a channel. Where a browser has no locks (plain HTTP on another machine) each page has its own stream.
//
//   on("cases",  ({cases: ["W-1001"], conversations: [1]}) => …)   something about them has changed: look again
//   on("signal", ({kind: "typing" | "reading", conversation, case, name, agent, by}) => …)   true for some seconds
//   on("gap",    () => …)                                            something may have been missed: look at all again
//   on("link",   state => …)                                         "live", "reconnecting" (1.5 s), "away" (10 s)

import { signedOut } from "./api.js"

const NAME = "warmline-desk"
const SILENT = 21_000 // two heartbeats and a little
const RECONNECTING = 1_500
const AWAY = 10_000
const AGAIN = [200, 500, 1000, 2000, 4000]

const listeners = { cases: new Set(), signal: new Set(), gap: new Set(), link: new Set() }
const channel = "BroadcastChannel" in self ? new BroadcastChannel(NAME) : null
let mark = document.body.dataset.mark // up to where this page knows all
let link = "live"
let downSince = null
let heardAt = performance.now()
let leading = false
let own = null
let stopped = false

/** Listen; returns a function that stops listening. */
export function on(kind, fn) {
  listeners[kind].add(fn)
  return () => listeners[kind].delete(fn)
}

/** "live", "reconnecting" or "away" */
export const state = () => link

/** When the connection was lost, or null. */
export const since = () => downSince

function tell(kind, data) {
  for (const fn of listeners[kind]) {
    try { fn(data) } catch (error) { console.error(error) }
  }
}

function share(kind, data) {
  channel?.postMessage({ kind, data })
  take(kind, data)
}

function take(kind, data) {
  heardAt = performance.now()
  if (kind === "end") { stopped = true; signedOut(); return }
  if (kind === "down") { down(data); return }
  if (kind === "ask") return
  downSince = null
  if (link !== "live") {
    link = "live"
    tell("link", link)
  }
  if (kind === "signal") { tell(kind, data); return }
  const missed = kind === "gap" || (data.from ?? data.mark) !== mark
  mark = data.mark
  if (missed) tell("gap")
  else if (kind === "cases") tell(kind, data)
}

function down(at) {
  downSince ??= new Date(at)
  setTimeout(grade, RECONNECTING)
  setTimeout(grade, AWAY)
  grade()
}

function grade() {
  if (!downSince) return
  const lasts = Date.now() - downSince.getTime()
  const found = lasts >= AWAY - 50 ? "away" : lasts >= RECONNECTING - 50 ? "reconnecting" : link
  if (found !== link) { link = found; tell("link", link) }
}

async function hold() {
  leading = true
  for (let tries = 0; !stopped; tries++) {
    const began = performance.now()
    const heard = await listen()
    if (stopped) return
    share("down", Date.now() - (heard === "silent" ? SILENT : 0))
    if (performance.now() - began > 5000) tries = 0
    const wait = AGAIN[Math.min(tries, AGAIN.length - 1)] * (0.75 + Math.random() / 2)
    await new Promise(done => { setTimeout(done, wait); addEventListener("online", done, { once: true }) })
  }
}

/** One connection, until it ends. */
async function listen() {
  const abort = new AbortController()
  own = abort
  let silent = false
  let timer = 0
  const alive = () => { clearTimeout(timer); timer = setTimeout(() => { silent = true; abort.abort() }, SILENT) }
  alive()
  try {
    const response = await fetch("/desk/events", { signal: abort.signal, credentials: "same-origin", cache: "no-store" })
    if (response.status === 401) share("end")
    if (!response.ok) return "refused"
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ""
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return "ended"
      alive()
      const blocks = (rest + value).split("\n\n")
      rest = blocks.pop()
      blocks.forEach(read)
    }
  } catch {
    return silent ? "silent" : "broken"
  } finally {
    clearTimeout(timer)
  }
}

function read(block) {
  let name = "message"
  let data = ""
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7)
    else if (line.startsWith("data: ")) data += line.slice(6)
  }
  const found = data ? JSON.parse(data) : {}
  if (name === "news") share("cases", found)
  else if (name !== "end") share(name, found)
  else if (found.why === "signed-out") share("end")
}

channel?.addEventListener("message", ({ data }) => {
  if (!leading) take(data.kind, data.data)
  else if (data.kind === "ask" && !downSince) channel.postMessage({ kind: "hello", data: { mark } })
})

if (navigator.locks && channel) {
  channel.postMessage({ kind: "ask" }) // whoever holds the stream says how far it is
  navigator.locks.request(NAME, hold)
  // A page that holds the lock and is frozen tells nobody anything: then we listen ourselves.
  setInterval(() => {
    if (!leading && !document.hidden && performance.now() - heardAt > SILENT + 4000) hold()
  }, 5000)
} else {
  hold()
}

// After sleep the connection may look whole and be dead.
let wokeAt = Date.now()
setInterval(() => {
  if (Date.now() - wokeAt > 30_000) { own?.abort(); tell("gap") }
  wokeAt = Date.now()
}, 5000)
addEventListener("online", () => tell("gap"))
