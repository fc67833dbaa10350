// Where a reply or a note is written. The two have their own fields and drafts, and the mode never switches by itself.

import { call, newKey, tell } from "./api.js"
import * as drafts from "./drafts.js"
import { keep, kept } from "./drafts.js"
import * as files from "./files.js"
import { gapIn, select } from "./gaps.js"
import { undo, waits } from "./hold.js"
import { lastSeen, markSeen, newest } from "./log.js"
import { mentioned } from "./mention.js"
import { alert, status, toast, upper } from "./say.js"

const TYPING_EVERY = 3000
const ROWS_AT_MOST = 12

const form = document.getElementById("composer")
const main = document.getElementById("main")
const number = main.dataset.case
const at = id => document.getElementById(id)
const fields = { reply: at("reply"), note: at("note") }

let mode = "reply"
let sending = false
let stopped = false // a notice waits for a decision; until then nothing leaves
const typedAt = { reply: -TYPING_EVERY, note: -TYPING_EVERY }
let refresh = async () => {}

// --- what is kept ------------------------------------------------------------------------------

function save() {
  for (const name of Object.keys(fields)) drafts.save(name)
  said(fields[mode].value ? "Draft saved" : "")
}

const said = words => { at("saved").textContent = words }

// --- the two modes -----------------------------------------------------------------------------

/** Show one of the two; only a person's own key or click comes here. */
export function switchTo(wanted, { focus = true } = {}) {
  mode = wanted
  form.classList.toggle("isnote", mode === "note")
  for (const name of ["reply", "note"]) {
    const on = name === mode
    at(`tab-${name}`).setAttribute("aria-selected", String(on))
    at(`tab-${name}`).tabIndex = on ? 0 : -1
    at(`pane-${name}`).hidden = !on
  }
  keep("mode", mode)
  said(fields[mode].value ? "Draft saved" : "")
  grow(fields[mode])
  if (focus) { fields[mode].focus(); toEnd(fields[mode]) }
}

export const currentMode = () => mode

function toEnd(field) { field.selectionStart = field.selectionEnd = field.value.length }

function grow(field) {
  const lines = field.value.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 80)), 0)
  field.rows = Math.min(Math.max(lines, 2), ROWS_AT_MOST)
}

/** Put words into the reply, never anywhere else. */
export function insert(text) {
  const field = fields.reply
  if (field.readOnly) return false
  const from = field.selectionStart
  const before = field.value.slice(0, from)
  const gap = before && !/\s$/.test(before) ? " " : ""
  field.value = before + gap + text + field.value.slice(field.selectionEnd)
  save()
  grow(field)
  if (mode === "reply") { field.focus(); field.selectionStart = field.selectionEnd = from + gap.length + text.length }
  toast(mode === "reply" ? "Inserted into the reply." : "Inserted into the reply, not into this note. r opens it.")
  return true
}

// --- sending -----------------------------------------------------------------------------------

/** Send or save what is written; `anyway` after somebody else's words were shown. */
export async function send({ anyway = false } = {}) {
  const now = mode
  const field = fields[now]
  const text = field.value
  if (sending || !text.trim()) {
    if (!sending) { field.focus(); if (files.ids(now).length) said("Write a line with it") }
    return
  }
  if (stopped && now === "reply" && !anyway) { at("halt-h").focus(); return }
  if (now === "reply" && field.readOnly) { alert(field.placeholder); field.focus(); return }
  if (document.body.classList.contains("stale")) { halt("Not connected.", "Your draft is safe. Send it when the desk is back.", []); return }
  if (files.waits(now)) { halt("Not sent.", files.waits(now), [["Edit", () => close()]]); return }
  const gap = now === "reply" ? gapIn(text) : ""
  if (gap) {
    halt(`Fill the gap ${gap} first.`, "It is not known here, or not for everybody who reads this.", [["Go to it", () => { close(); select(field, gap) }]])
    return
  }
  sending = true
  form.setAttribute("aria-busy", "true")
  said(now === "reply" ? "Sending" : "Saving")
  save()
  await drafts.settle(now)
  // The same words once more are the same act: with the key of before it happens once.
  const before = kept(now)?.act
  const also = now === "reply" ? [...form.querySelectorAll("input[name=also]:checked")].map(box => box.value) : []
  const added = files.ids(now)
  // Files that have left with it are here no more once the page was loaded again.
  const sameFiles = String(before?.files ?? []) === String(added) || !added.length
  const act = before?.text === text && String(before.also ?? []) === String(also) && sameFiles && !anyway
    ? before
    : { key: newKey(), text, also, files: added, ...(now === "reply" ? { after: anyway ? Math.max(lastSeen(), newest()) : lastSeen() } : {}) }
  keep(now, { text, act })
  const hold = Number(form.dataset.holdFor)
  const replying = { after_seq: act.after, ...(also.length ? { also } : {}), ...(hold ? { hold } : {}) }
  const body = { text, ...(now === "reply" ? replying : mentioned(text)), ...(act.files?.length ? { files: act.files } : {}) }
  const answer = await call("POST", `cases/${number}/${now}`, body, { key: act.key })
  sending = false
  form.removeAttribute("aria-busy")
  if (answer.ok) {
    if (answer.data.seq) { markSeen(answer.data.seq); drafts.left(now, text) }
    else status("It leaves in a moment. z takes it back.")
    if (field.value === text) field.value = ""
    else if (field.value.startsWith(text)) field.value = field.value.slice(text.length).trimStart()
    keep(now, field.value ? { text: field.value } : null)
    files.gone(now, act.files ?? [])
    drafts.save(now, { soon: false })
    calm()
    grow(field)
    said("")
    await refresh({ own: true })
    return
  }
  refused(answer, now, text)
}

function refused({ status, data }, now, text) {
  const error = data.error ?? {}
  said("Draft saved")
  // What was refused did not happen: the next try is a new act. What nobody answered may have happened.
  if (status !== 0 && status < 500) keep(now, { text })
  drafts.save(now)
  if (error.code === "file_refused") files.again()
  if (error.code === "stale") { stale(error.since ?? []); return }
  if (error.code === "held") {
    halt(`${error.holder ?? "A colleague"} has this case now.`, "Your draft is kept; a note reaches the team.", [["Keep it", () => close()], ["Discard", discard]])
    refresh()
    return
  }
  if (status === 0 || status >= 500) {
    halt("Not sent: the desk cannot be reached.", "Your draft is safe. Sending again does not double it.", [["Send again", () => { close(); send() }], ["Edit", () => close()]])
    return
  }
  halt("Not sent.", error.message ?? "Try again.", [["Edit", () => close()]])
  refresh()
}

function stale(since) {
  const people = [...new Set(since.map(row => row.author || main.dataset.customer))]
  const mine = since.every(row => String(row.agent) === document.body.dataset.agent)
  const heading = mine ? "You wrote here from another window. Read it first."
    : `${upper(people.join(" and "))} wrote while you were writing. Read it first.`
  const list = Object.assign(document.createElement("ul"), { tabIndex: 0 }) // it scrolls
  for (const row of since.slice(-5)) {
    const line = document.createElement("li")
    const who = document.createElement("b")
    const bdi = document.createElement("bdi")
    bdi.textContent = row.author || main.dataset.customer
    who.append(bdi)
    const words = document.createElement("span")
    words.dir = "auto"
    words.textContent = row.text.length > 600 ? `${row.text.slice(0, 600)}…` : row.text
    line.append(who, words)
    list.append(line)
  }
  const last = Math.max(...since.map(row => row.seq))
  const read = then => () => { markSeen(last); close(); then?.() }
  refresh()
  stopped = true
  form.classList.add("stopped")
  halt(heading, list, [["Send anyway", read(() => send({ anyway: true }))], ["Edit", read()], ["Discard", read(discard)]])
}

function halt(heading, text, acts) {
  at("halt-h").textContent = heading
  at("halt-text").replaceChildren(text)
  at("halt-acts").replaceChildren(...acts.map(([words, act]) => {
    const button = document.createElement("button")
    button.type = "button"
    button.className = "btn small"
    button.textContent = words
    button.addEventListener("click", act)
    return button
  }))
  at("halt").hidden = false
  at("halt-h").focus()
}

function calm() {
  stopped = false
  form.classList.remove("stopped")
  at("halt").hidden = true
}

function close() { calm(); fields[mode].focus() }

function discard() {
  const field = fields[mode]
  const text = field.value
  const name = mode
  field.value = ""
  drafts.save(name, { soon: false })
  calm()
  grow(field)
  said("")
  field.focus()
  toast("Draft discarded.", { undo: () => { fields[name].value = text; save(); grow(fields[name]); if (mode === name) fields[name].focus() } })
}

/** A reply that was taken back: its words before what was begun since, and what is then sent is what goes. */
export function restore({ text, also = [], version }) {
  const field = fields.reply
  drafts.known("reply", text, version)
  const begun = field.value.trim() ? `\n\n${field.value}` : ""
  field.value = text + begun
  for (const box of form.querySelectorAll("input[name=also]")) box.checked = also.includes(box.value)
  keep("reply", { text: field.value })
  switchTo("reply")
  field.selectionStart = field.selectionEnd = text.length
  drafts.save("reply", { soon: false })
  files.again()
  status("Taken back. It has not left.")
}

/** A reply did not leave, and is a draft again. */
export function cameBack(notice) {
  switchTo("reply", { focus: false })
  grow(fields.reply)
  files.again()
  halt(notice, "Nothing is lost: it is your draft again.", [["Edit", () => close()], ["Discard", discard]])
  alert(notice)
}

// --- start -------------------------------------------------------------------------------------

export function start(onRefresh) {
  refresh = onRefresh
  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener("input", () => {
      grow(field)
      drafts.save(name)
      if (!field.value) said("")
      typing(name)
    })
    field.addEventListener("keydown", event => {
      if (event.isComposing) return
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send() }
      // The field that a reply has just left is empty: there taking back means the reply.
      if (event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !field.value && waits()) { event.preventDefault(); undo() }
      if (event.key === "Escape") { event.preventDefault(); field.blur(); at("log").focus({ preventScroll: true }) }
    })
  }
  form.addEventListener("submit", event => event.preventDefault())
  form.querySelector(".tabs").addEventListener("keydown", event => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return
    event.preventDefault()
    switchTo(mode === "reply" ? "note" : "reply", { focus: false })
    at(`tab-${mode}`).focus()
  })
  at("halt").addEventListener("keydown", event => { if (event.key === "Escape") close() })
  files.start(() => mode)
  const notice = drafts.start(fields, { onSaved: (name, words) => { if (name === mode && !sending) said(words) }, onWrite: grow })
  switchTo(kept("mode") === "note" ? "note" : "reply", { focus: false })
  if (notice) cameBack(notice)
}

function typing(name) {
  const now = performance.now()
  if (fields[name].readOnly || !fields[name].value || now - typedAt[name] < TYPING_EVERY) return
  typedAt[name] = now
  tell("/desk/signal", { kind: name === "note" ? "noting" : "typing", case: number })
}
