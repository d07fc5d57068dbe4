/** Which key strokes inside the panel are none of the notebook's. */

const EDITING = new Set(["a", "c", "v", "x", "y", "z"])
/** JupyterLab cancels the undo that follows any key it hears of, and it would hear of these. */
const MODIFIERS = new Set(["Control", "Meta"])
const MOVING = new Set([
  "Enter",
  "Home",
  "End",
  "PageUp",
  "PageDown",
  "Backspace",
  "Delete",
])

/**
 * Notebooks take single letters, Enter and arrows for commands when the focus is on anything
 * but a text field of theirs: "d d" deletes the cell. What has Ctrl or Cmd, such as saving,
 * stays the host's unless it edits or moves within the panel.
 */
export function isPanelKey(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "defaultPrevented">,
): boolean {
  if (event.defaultPrevented || !(event.ctrlKey || event.metaKey)) return true
  return (
    MODIFIERS.has(event.key) ||
    EDITING.has(event.key.toLowerCase()) ||
    MOVING.has(event.key) ||
    event.key.startsWith("Arrow")
  )
}
