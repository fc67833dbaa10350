// Acts of a page that says at its head what was refused: #fault.

import { call } from "./api.js"

/** Say what went wrong, and lead there; nothing: it is over. */
export function fault(text) {
  const said = document.getElementById("fault")
  said.textContent = text ?? ""
  said.hidden = !text
  if (text) { said.focus(); said.scrollIntoView({ block: "nearest" }) }
}

/** Do it once, however often the button is pressed meanwhile; null if it was refused. */
export async function act(button, method, path, body) {
  if (button.getAttribute("aria-busy") === "true") return null
  button.setAttribute("aria-busy", "true")
  fault()
  const { ok, data } = await call(method, path, body)
  button.removeAttribute("aria-busy")
  if (ok) return data
  fault(data.error.message)
  return null
}
