import type { RefObject } from "preact"
import type { UnknownName } from "../messages"
import { oneLine, visible } from "../results/safe-text"
import { usePanel } from "../state"
import { useAction } from "../ui/use-action"
import { typeInto } from "./caret"
import { lex } from "./lexer"
import { setupOf } from "./store"

interface QuickFixesProps {
  editor: RefObject<HTMLTextAreaElement | null>
  value: string
  unknown: UnknownName[]
}

/** One-click repairs of a template: take the nearest name, or make braces literal. */
export function QuickFixes({ editor, value, unknown }: QuickFixesProps) {
  const panel = usePanel()
  const store = setupOf(panel)
  const doubling = useAction()
  // The unknown names are those of the last reply; what was typed since may have mended them.
  const tokens = value.includes("{") || value.includes("}") ? lex(value) : []
  const isThere = ({ name }: UnknownName) =>
    tokens.some((token) => token.kind === "name" && token.text === `{${name}}`)
  const renames = unknown.filter((each) => each.nearest !== null && isThere(each))
  const hasStray = tokens.some((token) => token.kind === "stray")
  const looksForeign = unknown.some((each) => each.nearest === null && isThere(each))

  const rename = ({ name, nearest }: UnknownName) => {
    const area = editor.current
    if (area === null) return
    const wrong = lex(area.value).filter(
      (token) => token.kind === "name" && token.text === `{${name}}`,
    )
    // From behind, so that the places of those before stay right.
    for (const { start, text } of wrong.reverse())
      typeInto(area, start, start + text.length, `{${nearest}}`)
  }
  const double = () =>
    doubling.run(async () => {
      const area = editor.current
      if (area === null) return
      const text = area.value
      const names = store.names.peek().map(({ name }) => name)
      const { payload } = await panel.rpc.request("escape_braces", { text, names })
      if (area.value === text && payload.text !== text)
        typeInto(area, 0, text.length, payload.text)
    })

  if (renames.length === 0 && !hasStray && !looksForeign) return null
  return (
    <div class="ob-line">
      {renames.map((each) => (
        <button
          type="button"
          class="ob-button ob-fix"
          key={each.name}
          data-testid="fix-rename"
          onClick={() => rename(each)}
        >
          Use <bdi class="ob-mono">{`{${oneLine(each.nearest ?? "")}}`}</bdi> for{" "}
          <bdi class="ob-mono ob-ellipsis">{`{${oneLine(each.name)}}`}</bdi>
        </button>
      ))}
      {(hasStray || looksForeign) && (
        <button
          type="button"
          class="ob-button ob-fix"
          data-testid="fix-braces"
          disabled={doubling.busy || !panel.answers.value}
          title="Every brace that is not around one of the names becomes literal text."
          onClick={double}
        >
          Double the braces
        </button>
      )}
      {doubling.error && (
        <span class="ob-error ob-small">{visible(doubling.error.message)}</span>
      )}
    </div>
  )
}
