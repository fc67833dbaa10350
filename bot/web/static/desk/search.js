// Search: a field, and a list that is walked by keys.

import { bind } from "./keys.js"

const at = id => document.getElementById(id)
const links = () => [...document.querySelectorAll("#hits .go")]

function move(by) {
  const all = links()
  const now = all.indexOf(document.activeElement)
  const to = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + by, 0), all.length - 1)]
  if (to) { to.focus({ preventScroll: true }); to.parentElement.scrollIntoView({ block: "nearest" }) }
}

bind({ "/": [() => { at("seek").focus(); at("seek").select() }, "Search"] })
bind({
  j: [() => move(1), "Next message"],
  k: [() => move(-1), "Message before"],
  Enter: [null, "Open its case"],
}, { where: "In the list" })

at("seek").addEventListener("keydown", event => {
  if (event.key === "Escape") at("seek").blur()
})
