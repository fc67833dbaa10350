// A sound and the browser's notice: off until somebody switches them on, once for each thing, silent while a page is seen.
//
// Of all tabs one asks (a lock elects it); what was told is kept for all of them, so that none tells it again.

import { on } from "./live.js"
import { toast } from "./say.js"

const ON = "warmline.notices"
const TOLD = "warmline.notices.told"
const KEPT = 300
const APART = 2_000
const SEEN = "warmline-desk-seen"
const LEADER = "warmline-desk-notices"

const at = id => document.getElementById(id)
const named = new Set()
let asks = !navigator.locks // without locks every tab is its own
let timer = 0
let askedAt = -1e9
let sound = null

const read = key => { try { return localStorage.getItem(key) } catch { return null } }
const write = (key, value) => { try { localStorage.setItem(key, value) } catch { /* for this page only */ } }
const switchedOn = () => read(ON) === "on"

// --- who looks ---------------------------------------------------------------------------------

let letGo = null

/** Hold a lock that many may hold while this page is before somebody's eyes. */
function seen() {
  if (!navigator.locks) return
  if (document.hidden) { letGo?.(); letGo = null }
  else if (!letGo) {
    let release
    const until = new Promise(done => { release = done })
    letGo = release
    navigator.locks.request(SEEN, { mode: "shared" }, () => until)
  }
}
document.addEventListener("visibilitychange", seen)
seen()

async function isSeen() {
  if (!navigator.locks) return !document.hidden
  const { held } = await navigator.locks.query()
  return held.some(lock => lock.name === SEEN)
}

// --- what is told ------------------------------------------------------------------------------

function look() {
  if (!asks || !switchedOn()) { named.clear(); return }
  clearTimeout(timer)
  timer = setTimeout(ask, Math.max(0, askedAt + APART - performance.now()))
}

async function ask() {
  askedAt = performance.now()
  const cases = [...named].slice(-100)
  named.clear()
  if (!cases.length) return
  try {
    const response = await fetch(`/desk/notices?cases=${cases.map(number => number.slice(2)).join(",")}`, {
      credentials: "same-origin", headers: { Accept: "application/json" },
    })
    if (response.ok) await tell((await response.json()).notices)
  } catch { /* the next news ask again */ }
}

async function tell(notices) {
  const told = JSON.parse(read(TOLD) ?? "[]")
  const fresh = notices.filter(({ key }) => !told.includes(key))
  if (!fresh.length) return
  write(TOLD, JSON.stringify([...told, ...fresh.map(({ key }) => key)].slice(-KEPT)))
  if (await isSeen()) return // they see it
  beep()
  for (const { key, title, body, path } of fresh.slice(0, 3)) show(key, title, body, path)
  if (fresh.length > 3) show("more", `${fresh.length - 3} more at the desk`, "", "/desk")
}

function show(tag, title, body, path) {
  if (!("Notification" in self) || Notification.permission !== "granted") return
  try {
    const notice = new Notification(title, { body, tag })
    notice.addEventListener("click", () => { focus(); notice.close(); location.href = path })
  } catch { /* a phone that shows notices of installed pages only */ }
}

/** Two soft notes. A browser lets a page sound only after somebody has touched it. */
function beep() {
  try {
    sound ??= new AudioContext()
    if (sound.state !== "running") { sound.resume(); if (sound.state !== "running") return }
    for (const [at, pitch] of [[0, 660], [0.16, 880]]) {
      const note = sound.createOscillator()
      const loud = sound.createGain()
      note.frequency.value = pitch
      loud.gain.setValueAtTime(0.0001, sound.currentTime + at)
      loud.gain.exponentialRampToValueAtTime(0.15, sound.currentTime + at + 0.02)
      loud.gain.exponentialRampToValueAtTime(0.0001, sound.currentTime + at + 0.15)
      note.connect(loud).connect(sound.destination)
      note.start(sound.currentTime + at)
      note.stop(sound.currentTime + at + 0.16)
    }
  } catch { /* no sound here */ }
}

// --- the switch --------------------------------------------------------------------------------

const box = at("notices")

function shown() {
  box.checked = switchedOn()
  const refused = "Notification" in self && Notification.permission === "denied"
  at("notices-words").hidden = !(box.checked && refused)
}

box.addEventListener("change", async () => {
  write(ON, box.checked ? "on" : "off")
  if (box.checked) {
    try { sound ??= new AudioContext(); sound.resume() } catch { /* no sound here */ }
    if ("Notification" in self && Notification.permission === "default") await Notification.requestPermission()
    toast("You are told of grave new cases, and of your own that wait or are late, while no page of the desk is seen.")
  }
  shown()
})
addEventListener("storage", event => { if (event.key === ON) shown() })
shown()

on("cases", ({ cases }) => {
  for (const number of cases) named.add(number)
  if (cases.length) look()
})
navigator.locks?.request(LEADER, () => { asks = true; return new Promise(() => {}) })
