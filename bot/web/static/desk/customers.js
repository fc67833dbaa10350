// Customers: links by hand and undone, and what we call somebody.

import { call } from "./api.js"
import "./begin.js"
import { carry } from "./carried.js"
import { bind } from "./keys.js"

const main = document.getElementById("main")
const id = main.dataset.person

const search = document.getElementById("search")
if (search) bind({ "/": [() => search.focus(), "Search customers"] }, { where: "Among customers" })

function fault(form, text) {
  const said = form.querySelector(".fault")
  said.textContent = text ?? ""
  said.hidden = !text
}

/** One act of this page; afterwards the page is read again, with words that tell what was done. */
async function act(form, method, path, body, words) {
  const button = form.querySelector("button:not([type=button])")
  if (button.getAttribute("aria-busy") === "true") return
  button.setAttribute("aria-busy", "true")
  const { ok, data } = await call(method, `customers/${id}${path}`, body)
  button.removeAttribute("aria-busy")
  if (!ok) { fault(form, data.error.message); return }
  carry(words)
  location.href = `/desk/customers/${data.customer ?? id}`
}

document.addEventListener("click", event => {
  const button = event.target.closest("[data-undo]")
  if (!button) return
  const opener = main.querySelector(`[data-undo="${button.dataset.undo}"]`)
  const form = document.getElementById(opener.getAttribute("aria-controls"))
  form.hidden = !form.hidden
  opener.setAttribute("aria-expanded", String(!form.hidden))
  if (form.hidden) opener.focus()
  else form.querySelector("button").focus()
})

document.addEventListener("submit", event => {
  const form = event.target
  if (form.dataset.link) {
    event.preventDefault()
    act(form, "POST", `/links/${form.dataset.link}/undo`, null, "Apart again.")
  } else if (form.id === "link") {
    event.preventDefault()
    const said = new FormData(form)
    act(form, "POST", "/links", { identity: Number(said.get("identity")), why: said.get("why") }, "Linked by hand. It is not proven.")
  } else if (form.id === "name") {
    event.preventDefault()
    act(form, "PUT", "", Object.fromEntries(new FormData(form)), "Kept, beside what they say of themselves.")
  }
})
