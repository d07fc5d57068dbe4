import type { Ref } from "preact"
import { lex } from "./lexer"

/** Longer templates stay plain: colouring them would slow typing. */
const MOST_COLOURED_CHARS = 50_000

interface HighlightProps {
  overlay: Ref<HTMLDivElement>
  text: string
  unknown: ReadonlySet<string>
}

/** The template's text once more, behind the editor's, with its placeholders marked. */
export function Highlight({ overlay, text, unknown }: HighlightProps) {
  const tokens =
    text.length > MOST_COLOURED_CHARS
      ? [{ kind: "text", start: 0, text } as const]
      : lex(text)
  return (
    <div class="ob-highlight" aria-hidden="true">
      <div ref={overlay}>
        {tokens.map(({ kind, start, text: part }) => {
          if (kind === "text") return part
          const missing = kind === "name" && unknown.has(part.slice(1, -1))
          return (
            <mark key={start} class={missing ? "ob-unknown" : `ob-${kind}`}>
              {part}
            </mark>
          )
        })}
        {/* A last line break takes up a line only before something. */}
        {"\u200b"}
      </div>
    </div>
  )
}
