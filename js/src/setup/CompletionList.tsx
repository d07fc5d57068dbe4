import { useEffect, useRef } from "preact/hooks"
import { oneLine } from "../results/safe-text"
import type { Popup } from "./use-completion"

/** The names to choose from; the editor keeps the focus. */
export function CompletionList({ popup }: { popup: Popup }) {
  const list = useRef<HTMLDivElement>(null)
  const options = popup.completion?.options ?? []
  useEffect(() => {
    list.current?.children[popup.active]?.scrollIntoView?.({ block: "nearest" })
  }, [popup.active])
  if (options.length === 0) return null
  return (
    <div
      ref={list}
      id={popup.listId}
      class="ob-completion"
      role="listbox"
      tabIndex={-1}
      aria-label="Names"
      style={{ left: `${popup.x}px`, top: `${popup.y}px` }}
    >
      {options.map((option, at) => (
        <div
          key={option.name}
          id={popup.optionId(at)}
          class="ob-option"
          role="option"
          tabIndex={-1}
          aria-selected={at === popup.active}
          onPointerDown={(event) => {
            event.preventDefault()
            popup.accept(at)
          }}
          onPointerEnter={() => popup.setActive(at)}
        >
          <bdi class="ob-mono ob-ellipsis">{oneLine(option.name)}</bdi>
          <span class="ob-muted ob-small ob-ellipsis">
            {option.isRole ? `role, from ${oneLine(option.detail)}` : option.detail}
          </span>
        </div>
      ))}
    </div>
  )
}
