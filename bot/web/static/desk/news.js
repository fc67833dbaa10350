// A line above the composer: what has just happened to this case. For a moment, and for ears too.

import { status } from "./say.js"

const FOR = 15_000
const line = document.getElementById("news")

export function news(words) {
  line.textContent = words
  line.hidden = false
  status(words)
  setTimeout(() => { if (line.textContent === words) line.hidden = true }, FOR)
}
