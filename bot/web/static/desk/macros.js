// Saved replies in the reply field: `/` at a word's start, or the button, opens a search; Enter inserts, Esc closes.

import { call } from "./api.js"
import { insert } from "./composer.js"
import { select } from "./gaps.js"
import { alert, toast } from "./say.js"

const at = id => document.getElementById(id)
const number = at("main").dataset.case
const box = at("macro-box")
const find = at("macro-find")
const list = at("macro-list")
const field = at("reply")
const EXCERPT = 110
const SHOWN = 40

let known = null // what the desk offers here, filled; asked for anew at each opening
let shown = []
let chosen = 0
let slash = "" // what was taken out of the field, and goes back if nothing is chosen
let place = 0

async function ask() {
  const answer = await call("GET", `cases/${number}/macros`)
  if (answer.ok) known = answer.data.macros
  return answer
}

/** Open the search; `typed`: by a slash in the field, which then stands in the search instead. */
async function open({ typed = false } = {}) {
  if (field.readOnly) { alert(field.placeholder); return }
  slash = typed ? "/" : ""
  place = field.selectionStart
  if (typed) {
    place -= 1
    field.setRangeText("", place, place + 1, "end")
  }
  find.value = ""
  box.hidden = false
  at("act-macro").setAttribute("aria-expanded", "true")
  find.setAttribute("aria-expanded", "true")
  find.focus()
  draw()
  const { ok, data } = await ask()
  if (!box.hidden) { if (ok) draw(); else say(data.error.message) }
}

/** From the button: open, or shut what is open. */
export function toggle() {
  if (box.hidden) open()
  else shut()
}

/** Close, with what was typed back in the field: a path may begin with a slash. */
function shut({ more = "", focus = true } = {}) {
  if (box.hidden) return
  const back = slash ? slash + find.value + more : ""
  hide()
  if (back) {
    field.setRangeText(back, place, place, "end")
    field.dispatchEvent(new Event("input", { bubbles: true }))
  }
  if (focus) field.focus()
}

function hide() {
  box.hidden = true
  slash = ""
  find.setAttribute("aria-expanded", "false")
  find.removeAttribute("aria-activedescendant")
  at("act-macro").setAttribute("aria-expanded", "false")
}

// --- what is offered ---------------------------------------------------------------------------

const words = text => text.toLowerCase().split(/\s+/).filter(Boolean)

/** Those that hold every word that is looked for; a shortcut that is typed out first, then as the desk orders them. */
function found() {
  const wanted = words(find.value)
  const typed = find.value.trim().toLowerCase()
  const rank = macro => (macro.shortcut && macro.shortcut === typed ? 0 : typed && macro.shortcut.startsWith(typed) ? 1 : macro.title.toLowerCase().startsWith(typed) ? 2 : 3)
  return (known ?? [])
    .filter(macro => { const all = `${macro.shortcut} ${macro.title} ${macro.text}`.toLowerCase(); return wanted.every(word => all.includes(word)) })
    .map((macro, index) => ({ macro, index, rank: typed ? rank(macro) : 0 }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .slice(0, SHOWN)
    .map(({ macro }) => macro)
}

function draw() {
  shown = found()
  chosen = 0
  list.replaceChildren(...shown.map(option))
  list.hidden = !shown.length
  say(known === null ? "Looking" : shown.length ? `${shown.length} of ${known.length}`
    : known.length ? "Nothing saved has these words. Esc keeps what you typed." : "Nothing is saved yet. Write the first one.")
  mark()
}

function say(text) { at("macro-said").textContent = text }

function option(macro, index) {
  const line = document.createElement("li")
  line.id = `macro-${macro.id}`
  line.setAttribute("role", "option")
  const title = document.createElement("b")
  title.dir = "auto"
  title.textContent = macro.title
  const small = document.createElement("small")
  small.dir = "auto"
  small.textContent = macro.text.replace(/\s+/g, " ").slice(0, EXCERPT)
  line.append(title)
  if (macro.shortcut) {
    const short = document.createElement("kbd")
    short.textContent = `/${macro.shortcut}`
    line.append(" ", short)
  }
  if (macro.gaps.length) {
    const gaps = document.createElement("span")
    gaps.className = "tag"
    gaps.textContent = `to fill: ${macro.gaps.join(" ")}`
    line.append(" ", gaps)
  }
  line.append(small)
  line.addEventListener("click", () => choose(shown[index]))
  return line
}

function mark() {
  for (const [index, line] of [...list.children].entries()) line.setAttribute("aria-selected", String(index === chosen))
  const active = list.children[chosen]
  if (active) {
    find.setAttribute("aria-activedescendant", active.id)
    active.scrollIntoView({ block: "nearest" })
  } else find.removeAttribute("aria-activedescendant")
}

function choose(macro) {
  hide()
  field.focus()
  field.setSelectionRange(place, place)
  put(macro)
}

function put(macro) {
  const from = field.selectionStart
  if (!insert(macro.text)) return
  call("POST", `macros/${macro.id}/used`)
  const gap = macro.gaps[0]
  if (!gap) return
  select(field, gap, from)
  toast(`Fill the gap ${gap}: the desk does not know it, or it is not for this place.`)
}

/** From the card. */
export async function insertSaved(id) {
  const { ok, data } = await ask()
  const macro = known?.find(one => one.id === id)
  if (macro) put(macro)
  else alert(ok ? "This saved reply is gone." : data.error.message)
}

// --- keys --------------------------------------------------------------------------------------

export function start() {
  field.addEventListener("input", event => {
    if (!event.inputType?.startsWith("insert") || event.inputType === "insertFromPaste" || event.data?.at(-1) !== "/") return
    const caret = field.selectionStart
    if (caret === field.selectionEnd && field.value[caret - 1] === "/" && (caret === 1 || /\s/.test(field.value[caret - 2]))) open({ typed: true })
  })
  find.addEventListener("input", draw)
  find.addEventListener("keydown", event => {
    if (event.isComposing) return
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step && shown.length) { chosen = (chosen + step + shown.length) % shown.length; mark() }
    else if (event.key === "Enter" && shown[chosen]) choose(shown[chosen])
    else if (["Enter", "Escape", "Tab"].includes(event.key)) shut()
    else if (event.key === " " && slash && !find.value) shut({ more: " " }) // "and / or"
    else if (event.key === "Backspace" && slash && !find.value) { slash = ""; shut(); field.dispatchEvent(new Event("input")) }
    else return
    event.preventDefault()
    event.stopPropagation()
  })
  box.addEventListener("pointerdown", event => { if (!event.target.closest("a, input")) event.preventDefault() })
  box.addEventListener("focusout", event => { if (!box.contains(event.relatedTarget)) shut({ focus: false }) })
}
