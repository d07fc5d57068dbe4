/** Bring a control into sight that may be folded away. */

/** Sent through the ancestors of a control that is about to get the focus. */
export const REVEAL = "outboard:reveal"

export function revealField(within: Element, field: string): void {
  const found = within.querySelector<HTMLElement>(`[data-field="${CSS.escape(field)}"]`)
  if (found === null) return
  found.dispatchEvent(new CustomEvent(REVEAL, { bubbles: true }))
  // What was folded is drawn first.
  requestAnimationFrame(() => {
    found.scrollIntoView({ block: "nearest" })
    found.focus()
  })
}
