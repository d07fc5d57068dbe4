import type { RefObject } from "preact"
import { useId, useRef } from "preact/hooks"
import { lastOf } from "../latest"
import { usePanel } from "../state"
import { CompletionList } from "./CompletionList"
import { FieldProblems, useFieldProblems } from "./FieldProblems"
import { Highlight } from "./Highlight"
import { QuickFixes } from "./QuickFixes"
import { setupOf } from "./store"
import { useCompletion } from "./use-completion"

export type TemplateField = "prompt_template" | "system_prompt"

interface TemplateEditorProps {
  field: TemplateField
  label: string
  testid: string
  value: string
  placeholder?: string
  rows: number
  onValue: (text: string) => void
  /** Told of the editor that was used last: chips type into it. */
  lastUsed: RefObject<HTMLTextAreaElement | null>
}

/** A text area that marks the placeholders in what is typed and completes their names. */
export function TemplateEditor(props: TemplateEditorProps) {
  const { field, label, testid, value, placeholder, rows, onValue, lastUsed } = props
  const store = setupOf(usePanel())
  const editor = useRef<HTMLTextAreaElement>(null)
  const overlay = useRef<HTMLDivElement>(null)
  const ids = { editor: useId(), problems: useId() }
  const problems = useFieldProblems(field)
  const unknown = (lastOf(store.preview.value)?.unknown ?? []).filter(
    (each) => each.field === field,
  )
  const popup = useCompletion({ editor, overlay, names: store.names.value })
  const open = popup.completion !== null
  const follow = () => {
    if (overlay.current && editor.current)
      overlay.current.style.transform = `translateY(${-editor.current.scrollTop}px)`
  }
  return (
    <div class="ob-field">
      <label class="ob-label" for={ids.editor}>
        {label}
      </label>
      <div class="ob-editor" style={{ "--rows": rows }}>
        <Highlight
          overlay={overlay}
          text={value}
          unknown={new Set(unknown.map(({ name }) => name))}
        />
        <textarea
          ref={editor}
          id={ids.editor}
          data-testid={testid}
          data-field={field}
          class="ob-mono"
          rows={rows}
          spellcheck={false}
          autocomplete="off"
          placeholder={placeholder}
          value={value}
          aria-autocomplete="list"
          aria-controls={open ? popup.listId : undefined}
          aria-activedescendant={open ? popup.optionId(popup.active) : undefined}
          aria-invalid={problems.some(({ severity }) => severity === "error")}
          aria-describedby={ids.problems}
          onInput={({ currentTarget }) => {
            onValue(currentTarget.value)
            popup.look(true)
          }}
          onKeyDown={popup.onKeyDown}
          onKeyUp={(event) => {
            if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) popup.look(false)
          }}
          onClick={() => popup.look(false)}
          onFocus={() => {
            lastUsed.current = editor.current
          }}
          onBlur={popup.close}
          onScroll={follow}
        />
        <CompletionList popup={popup} />
      </div>
      <FieldProblems field={field} id={ids.problems} />
      <QuickFixes editor={editor} value={value} unknown={unknown} />
    </div>
  )
}
