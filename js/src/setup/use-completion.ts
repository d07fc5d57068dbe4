import type { RefObject } from "preact"
import { useId, useState } from "preact/hooks"
import { placeOf, typeInto } from "./caret"
import { type Completion, completionAt } from "./completion"
import type { TemplateName } from "./names"

interface Parts {
  editor: RefObject<HTMLTextAreaElement | null>
  overlay: RefObject<HTMLDivElement | null>
  names: readonly TemplateName[]
}

export interface Popup {
  listId: string
  completion: Completion | null
  /** Place of the list, below its brace. */
  x: number
  y: number
  active: number
  optionId: (at: number) => string
  setActive: (at: number) => void
  accept: (at: number) => void
  /** Look at what is at the caret; `typed` if something was typed there. */
  look: (typed: boolean) => void
  close: () => void
  onKeyDown: (event: KeyboardEvent) => void
}

/** The list of names that opens behind a brace. */
export function useCompletion({ editor, overlay, names }: Parts): Popup {
  const listId = useId()
  const [completion, setCompletion] = useState<Completion | null>(null)
  const [active, setActive] = useState(0)
  const [place, setPlace] = useState({ x: 0, y: 0 })
  const close = () => setCompletion(null)

  const look = (typed: boolean) => {
    const area = editor.current
    if (area === null || area.selectionStart !== area.selectionEnd) return close()
    const found = completionAt(area.value, area.selectionStart, names)
    // Moving about opens nothing, and closes what belongs to another brace.
    if (found === null || (!typed && found.start !== completion?.start)) return close()
    if (found.start !== completion?.start && overlay.current !== null) {
      const { x, y } = placeOf(overlay.current, found.start)
      setPlace({ x: Math.min(x, Math.max(0, area.clientWidth - 220)), y })
    }
    if (typed) setActive(0)
    setCompletion(found)
  }

  const accept = (at: number) => {
    const option = completion?.options[at]
    if (editor.current === null || !completion || !option) return
    typeInto(editor.current, completion.start, completion.end, `{${option.name}}`)
    close()
  }

  const onKeyDown = (event: KeyboardEvent) => {
    if (completion === null || event.isComposing) return
    const { length } = completion.options
    const acts: Record<string, () => void> = {
      ArrowDown: () => setActive((active + 1) % length),
      ArrowUp: () => setActive((active + length - 1) % length),
      Enter: () => accept(active),
      Tab: () => accept(active),
      Escape: close,
    }
    const act = event.shiftKey ? undefined : acts[event.key]
    if (act === undefined) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  const optionId = (at: number) => `${listId}-${at}`
  return {
    listId,
    completion,
    ...place,
    active,
    optionId,
    setActive,
    accept,
    look,
    close,
    onKeyDown,
  }
}
