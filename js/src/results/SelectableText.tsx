import { useEffect, useRef } from "preact/hooks"

interface SelectableTextProps {
  text: string
  onClose: () => void
}

/** A text to copy by hand, where the browser does not let the page do it. */
export function SelectableText({ text, onClose }: SelectableTextProps) {
  const area = useRef<HTMLTextAreaElement>(null)
  useEffect(() => area.current?.select(), [])
  return (
    <div class="ob-selectable ob-stack">
      <label class="ob-stack">
        <span class="ob-label">
          The browser does not let this page copy. The text is selected: press Ctrl+C or
          ⌘C.
        </span>
        <textarea
          ref={area}
          class="ob-mono"
          rows={6}
          readOnly
          value={text}
          onKeyDown={(event) => event.key === "Escape" && onClose()}
        />
      </label>
      <div class="ob-line">
        <button type="button" class="ob-button" onClick={onClose}>
          Close
        </button>
      </div>
    </div>
  )
}
