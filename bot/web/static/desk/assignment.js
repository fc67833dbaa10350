// How work is given out: read, and changed by an admin.

import { call } from "./api.js"
import { toast } from "./say.js"

const form = document.getElementById("assignment")

function fault(text) {
  const said = document.getElementById("assignment-fault")
  said.textContent = text ?? ""
  said.hidden = !text
}

async function fill() {
  const { ok, data } = await call("GET", "assignment")
  if (ok) for (const name of ["mode", "claim_within", "capacity"]) form.elements[name].value = data[name]
}

form?.addEventListener("submit", async event => {
  event.preventDefault()
  const said = Object.fromEntries(new FormData(form))
  const wanted = { mode: said.mode, claim_within: Number(said.claim_within), capacity: Number(said.capacity) }
  const { ok, data } = await call("PUT", "assignment", wanted)
  fault(ok ? null : data.error.message)
  if (ok) toast(wanted.mode === "push" ? "The desk asks people now." : "People take the next one themselves.")
})

if (form) fill()
