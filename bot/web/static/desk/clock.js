// One timer for every time on the page that counts down. Says the same as bot/web/desk/due.py.

const EVERY = 5_000
const SOON = 15 * 60_000
const SOON_SHARE = 0.25
const LATE = '<circle class="disc" cx="18" cy="18" r="16"/><path class="bang" d="M18 9.5v10.5M18 26.2v.3"/>'

// The desk's clock counts, not this machine's.
const ahead = Date.parse(document.body.dataset.now ?? "") - Date.now() || 0

/** The desk's time now, in milliseconds since 1970. */
export const now = () => Date.now() + ahead

/** `12 min`, `1 h 20`, `3 days` */
export function span(ms) {
  const minutes = Math.max(ms > 0 ? Math.ceil(ms / 60_000) : Math.floor(-ms / 60_000), 1)
  if (minutes < 60) return `${minutes} min`
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`
  const days = Math.floor(minutes / 1440)
  return `${days} day${days > 1 ? "s" : ""}`
}

/** What a deadline looks like now: `{state, words, left}`. */
export function look(at, since, moment = now()) {
  const left = at - moment
  if (left <= 0) return { state: "late", words: `${span(left)} late`, left: 0 }
  const share = Math.min(Math.max(left / Math.max(at - since, 1000), 0), 1)
  return { state: left <= SOON || share <= SOON_SHARE ? "soon" : "calm", words: span(left), left: Math.round(100 * share) }
}

/** Make every time under `root` true again. */
export function tick(root = document) {
  for (const time of root.querySelectorAll("time[data-since]")) {
    const { state, words, left } = look(Date.parse(time.dateTime), Date.parse(time.dataset.since))
    if (time.textContent !== words) time.textContent = words
    const around = time.closest(".due, .t")
    for (const box of [around, (around?.closest("a, li, .due") ?? around)?.querySelector(".ring")]) {
      if (!box || box.classList.contains(state)) continue
      box.classList.remove("late", "soon", "calm")
      box.classList.add(state)
      if (state === "late" && box.matches(".ring")) box.innerHTML = LATE
    }
    (around?.closest("a, li, .due") ?? around)?.querySelector(".ring .left")?.setAttribute("stroke-dasharray", `${left} 100`)
  }
  dispatchEvent(new CustomEvent("desk:tick"))
}

setInterval(() => { if (!document.hidden) tick() }, EVERY)
document.addEventListener("visibilitychange", () => { if (!document.hidden) tick() })
