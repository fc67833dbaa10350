// Files for a reply or a note: added by button, drop or paste, on their way at once, shown beside the text until it leaves.

import { call, newKey, signedOut } from "./api.js"
import { alert, status } from "./say.js"

const number = document.getElementById("main").dataset.case
const at = id => document.getElementById(id)
const chooser = at("file-choose")
const MOST = Number(chooser.dataset.most)
const AT_MOST = Number(chooser.dataset.bytes)
const TOGETHER = Number(chooser.dataset.together)
const NOT_REACHED = "did not arrive: the desk cannot be reached."

/** Of each mode, in the order in which they came: {name, size, id, sent (0 to 1), fault, request, key, blob} */
const added = { reply: [], note: [] }
let mode = () => "reply"

const all = wanted => added[wanted]

/** What the server has kept for it. */
export const ids = wanted => all(wanted).filter(file => file.id).map(file => file.id)

/** Why it cannot leave with these yet; empty: it can. */
export function waits(wanted) {
  if (all(wanted).some(file => file.fault)) return "A file did not arrive. Try it again, or remove it."
  if (all(wanted).some(file => !file.id)) return "A file is still on its way. Send when it is there."
  return ""
}

/** They have left. */
export function gone(wanted, sent) {
  added[wanted] = all(wanted).filter(file => !sent.includes(file.id))
  draw(wanted)
}

/** Show what the server still has: what left from another window, or waited too long, is not here any more. */
export async function again() {
  const { ok, data } = await call("GET", `cases/${number}/files`)
  if (!ok) return
  for (const wanted of Object.keys(added)) {
    const there = data.files.filter(file => file.mode === wanted)
    added[wanted] = [...there, ...all(wanted).filter(file => !file.id)]
    draw(wanted)
  }
}

/** Let a person choose. */
export function choose() {
  const words = refusal()
  if (words) { fault(words); return }
  chooser.click()
}

/** Why none can be added to what is being written; a note can always have some. */
const refusal = () => (mode() === "reply" ? at("act-attach").dataset.refused : "")

function fault(words) {
  const line = at(`file-fault-${mode()}`)
  line.textContent = words
  line.hidden = !words
  if (words) alert(words)
}

/** Take these in, as far as they may be. */
function add(files) {
  const wanted = mode()
  const words = refusal()
  if (words) { fault(words); return }
  fault("")
  for (const file of files) {
    const together = all(wanted).reduce((sum, other) => sum + other.size, file.size)
    if (all(wanted).length >= MOST) { fault(`${MOST} files go with one message. Send these first.`); break }
    if (file.size > AT_MOST) { fault(`${shown(file.name)} is over ${mb(AT_MOST)}. Send a smaller one, or a link.`); continue }
    if (together > TOGETHER) { fault(`The files are over ${mb(TOGETHER)} together. Send these first.`); continue }
    const one = { name: shown(file.name), size: file.size, sent: 0, key: newKey(), blob: file }
    all(wanted).push(one)
    put(one, wanted)
  }
  draw(wanted)
}

function put(one, wanted) {
  const request = new XMLHttpRequest()
  one.request = request
  one.fault = ""
  request.open("POST", `/api/v1/cases/${number}/files?for=${wanted}&name=${encodeURIComponent(one.blob.name || "file")}`)
  request.setRequestHeader("Idempotency-Key", one.key)
  request.setRequestHeader("Content-Type", "application/octet-stream")
  request.upload.addEventListener("progress", event => {
    if (event.lengthComputable) { one.sent = event.loaded / event.total; progress(one) }
  })
  request.addEventListener("load", () => kept(one, wanted, request))
  request.addEventListener("error", () => failed(one, wanted))
  request.addEventListener("timeout", () => failed(one, wanted))
  request.send(one.blob)
}

function kept(one, wanted, request) {
  const answer = read(request.responseText)
  if (request.status === 200 && answer?.id) {
    Object.assign(one, { id: answer.id, name: answer.name, size: answer.size, request: null, blob: null })
    draw(wanted)
    status(`${one.name} is added.`)
    return
  }
  if (request.status === 401) { signedOut(); return }
  if (request.status >= 500) { failed(one, wanted); return }
  added[wanted] = all(wanted).filter(other => other !== one) // what was refused would be refused again
  draw(wanted)
  fault(answer?.error?.message ?? `${one.name} ${NOT_REACHED}`)
}

const read = text => { try { return JSON.parse(text) } catch { return null } }

function failed(one, wanted) {
  one.request = null
  one.fault = NOT_REACHED
  draw(wanted)
  alert(`${one.name} ${NOT_REACHED}`)
}

async function remove(one, wanted) {
  const index = all(wanted).indexOf(one)
  one.request?.abort()
  added[wanted] = all(wanted).filter(other => other !== one)
  draw(wanted)
  ;(at(`files-${wanted}`).querySelectorAll("button")[Math.min(index, all(wanted).length - 1)] ?? at(wanted)).focus()
  status(`${one.name} is removed.`)
  if (!one.id) return
  try { await fetch(`/api/v1/cases/${number}/files/${one.id}`, { method: "DELETE", credentials: "same-origin" }) } catch { /* it leaves after a day */ }
}

// --- what is shown -----------------------------------------------------------------------------

const mb = bytes => `${Math.floor(bytes / 1e6)} MB`
const said = bytes => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)

/** A name that cannot turn around what stands beside it. */
const shown = name => name.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "").slice(0, 200) || "file"

function element(name, values = {}, ...children) {
  const node = Object.assign(document.createElement(name), values)
  node.append(...children)
  return node
}

function draw(wanted) {
  const list = at(`files-${wanted}`)
  list.replaceChildren(...all(wanted).map(one => item(one, wanted)))
  list.hidden = !all(wanted).length
}

function item(one, wanted) {
  const name = element("bdi", { textContent: one.name })
  const line = element("li", {}, one.id
    ? element("a", { href: `/api/v1/cases/${number}/files/${one.id}`, target: "_blank", rel: "noopener" }, name)
    : name, " ", element("small", { textContent: one.fault ? `${said(one.size)}, ${one.fault}` : said(one.size) }))
  one.bar = null
  if (one.request) {
    one.bar = element("progress", { max: 1, value: one.sent })
    one.bar.setAttribute("aria-label", `${one.name} on its way`)
    line.append(one.bar)
  }
  if (one.fault) {
    line.className = "no"
    line.append(element("button", { type: "button", className: "link", textContent: "Try again", onclick: () => { put(one, wanted); draw(wanted) } }))
  }
  const button = element("button", { type: "button", className: "btn quiet small icon", textContent: "×", onclick: () => remove(one, wanted) })
  button.setAttribute("aria-label", `Remove ${one.name}`)
  line.append(button)
  return line
}

function progress(one) { if (one.bar) one.bar.value = one.sent }

// --- start -------------------------------------------------------------------------------------

const carries = event => [...event.dataTransfer?.types ?? []].includes("Files")

export function start(current) {
  mode = current
  for (const file of JSON.parse(chooser.dataset.unsent)) all(file.mode).push(file)
  for (const wanted of Object.keys(added)) {
    draw(wanted)
    at(wanted).addEventListener("paste", event => {
      const files = [...event.clipboardData?.files ?? []]
      // A table that was copied comes as words and as a picture of them: the words are meant.
      if (!files.length || event.clipboardData.types.includes("text/plain")) return
      event.preventDefault()
      add(files)
    })
  }
  chooser.addEventListener("change", () => { add([...chooser.files]); chooser.value = ""; at(mode()).focus() })
  const form = at("composer")
  let over = 0
  const show = () => form.classList.toggle("dropping", over > 0)
  // Wherever it is dropped: the browser would leave the page for the file, and what was written with it.
  document.addEventListener("dragenter", event => { if (carries(event)) { over++; show() } })
  document.addEventListener("dragleave", event => { if (carries(event)) { over = Math.max(0, over - 1); show() } })
  document.addEventListener("dragover", event => { if (carries(event)) event.preventDefault() })
  document.addEventListener("drop", event => {
    if (!carries(event)) return
    event.preventDefault()
    over = 0
    show()
    add([...event.dataTransfer.files])
    at(mode()).focus()
  })
}
