// Take the next one, from every page: the server picks.

import { call, newKey } from "./api.js"
import { toast } from "./say.js"

let taking = false

export async function takeNext() {
  if (taking || !("answers" in document.body.dataset)) return
  taking = true
  const button = document.getElementById("next")
  button?.setAttribute("aria-busy", "true")
  const { ok, data } = await call("POST", "cases/next", null, { key: newKey() })
  taking = false
  button?.removeAttribute("aria-busy")
  if (ok && data.number) { location.href = `/desk/cases/${data.number}#case-h`; return } // the focus goes to its heading
  if (!ok) { toast(data.error.message); return }
  const mine = document.querySelector(".mine h2 span")?.textContent ?? "0"
  toast(mine !== "0" ? `Nobody is waiting. ${mine === "1" ? "Your case is" : `Your ${mine} cases are`} on the left.` : "Nobody is waiting.")
  dispatchEvent(new CustomEvent("queue:refresh"))
}

document.getElementById("next")?.addEventListener("click", takeNext)
