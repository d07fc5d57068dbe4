/** Where a place in a text stands on the screen, and typing that can be undone. */

/**
 * Place below the `offset`-th character of `overlay`, whose text is laid out like the editor's;
 * relative to the box of its parent, which covers the editor.
 */
export function placeOf(overlay: HTMLElement, offset: number): { x: number; y: number } {
  const walker = document.createTreeWalker(overlay, NodeFilter.SHOW_TEXT)
  let left = offset
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const length = node.textContent?.length ?? 0
    if (left < length) {
      // A whole character: what is collapsed has no place at the start of a line.
      const range = document.createRange()
      range.setStart(node, left)
      range.setEnd(node, left + 1)
      const at = range.getBoundingClientRect()
      const box = (overlay.parentElement ?? overlay).getBoundingClientRect()
      return { x: at.left - box.left, y: at.bottom - box.top }
    }
    left -= length
  }
  return { x: 0, y: 0 }
}

/** Replace a part of what was typed as if by typing, so that undo takes it back. */
export function typeInto(
  editor: HTMLTextAreaElement,
  start: number,
  end: number,
  text: string,
): void {
  editor.focus()
  editor.setSelectionRange(start, end)
  const before = editor.value
  const expected = before.slice(0, start) + text + before.slice(end)
  const typed =
    typeof document.execCommand === "function" &&
    document.execCommand(text === "" ? "delete" : "insertText", false, text)
  if (typed && editor.value === expected) return
  editor.value = before
  editor.setRangeText(text, start, end, "end")
  editor.dispatchEvent(
    new InputEvent("input", { bubbles: true, inputType: "insertText" }),
  )
}
