// All commands by their names: Ctrl or ⌘ and K. What is listed is what keys do here, so that it needs no list of its own.

import { map, run } from "./keys.js"

const at = id => document.getElementById(id)
const box = at("palette")
const field = at("palette-words")
const list = at("palette-list")
let from = null // where the focus was: keys act on it
let found = []
let current = 0

function all() {
  const keys = map().flatMap(({ where, keys }) => keys.map(({ key, words }) => ({ key, words, where })))
  const pages = [...document.querySelectorAll(".nav a")].map(link => ({
    words: `Open: ${link.firstElementChild.nextSibling.textContent.trim()}`, where: "Pages", go: link.href,
  }))
  const mine = [...document.querySelectorAll(".mine li a")].map(link => ({
    words: `${link.dataset.case} ${link.querySelector(".who").lastChild.textContent.trim()}`, where: "My cases", go: link.href,
  }))
  return [...keys.filter(({ key }) => key !== "Enter"), ...pages, ...mine]
}

function draw() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean)
  found = all().filter(one => words.every(word => `${one.words} ${one.where}`.toLowerCase().includes(word))).slice(0, 50)
  current = Math.min(current, Math.max(found.length - 1, 0))
  list.replaceChildren(...found.map(({ key, words, where }, index) => {
    const line = Object.assign(document.createElement("li"), { id: `palette-${index}`, role: "option" })
    line.setAttribute("aria-selected", String(index === current))
    const name = Object.assign(document.createElement("span"), { textContent: words })
    name.dir = "auto"
    line.append(name, Object.assign(document.createElement("small"), { textContent: where }))
    for (const stroke of key?.split(" ") ?? []) line.append(Object.assign(document.createElement("kbd"), { textContent: stroke }))
    return line
  }))
  at("palette-none").hidden = found.length > 0
  field.setAttribute("aria-activedescendant", found.length ? `palette-${current}` : "")
  list.children[current]?.scrollIntoView({ block: "nearest" })
}

function choose(index) {
  const one = found[index]
  box.close()
  if (!one) return
  if (one.go) location.href = one.go
  else { from?.focus?.({ preventScroll: true }); run(one.key) }
}

/** Listen for Ctrl or ⌘ and K; also what the help offers as a button. */
export function commands() {
  const open = () => {
    at("help").open && at("help").close()
    from = document.activeElement
    field.value = ""
    current = 0
    draw()
    box.showModal()
  }
  addEventListener("keydown", event => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return
    event.preventDefault()
    box.open ? box.close() : open()
  })
  document.addEventListener("click", event => { if (event.target.closest("[data-commands]")) open() })
  field.addEventListener("input", () => { current = 0; draw() })
  field.addEventListener("keydown", event => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (by && found.length) { event.preventDefault(); current = (current + by + found.length) % found.length; draw() }
    if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); choose(current) }
  })
  list.addEventListener("click", event => {
    const line = event.target.closest("li")
    if (line) choose([...list.children].indexOf(line))
  })
  box.addEventListener("close", () => { if (document.activeElement === document.body) from?.focus?.({ preventScroll: true }) })
}
