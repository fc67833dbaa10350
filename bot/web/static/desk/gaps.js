// What a saved reply could not fill stands in the text as it was written, in braces, and nothing leaves with it.

const known = (document.getElementById("macro-box")?.dataset.gaps ?? "").split(" ").filter(Boolean)
const GAP = new RegExp(`\\{(${known.join("|")})\\}`)

/** The first gap in a text, braces and all; empty: it has none. */
export const gapIn = text => (known.length ? GAP.exec(text)?.[0] : "") ?? ""

/** Put the cursor around a gap, so that the next key fills it. */
export function select(field, gap, from = 0) {
  const at = field.value.indexOf(gap, from)
  field.focus()
  if (at >= 0) field.setSelectionRange(at, at + gap.length)
}
