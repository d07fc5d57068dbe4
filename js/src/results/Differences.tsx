import { useMemo } from "preact/hooks"
import { visible } from "./safe-text"
import { piecesBetween } from "./text-diff"

interface DifferencesProps {
  reference: string
  response: string
}

/** The response with what it has more and less than its reference. */
export function Differences({ reference, response }: DifferencesProps) {
  const pieces = useMemo(() => piecesBetween(reference, response), [reference, response])
  if (pieces === null)
    return (
      <p class="ob-muted ob-small">
        These texts are too long to compare word by word; they stand side by side below.
      </p>
    )
  const isSame = pieces.every(({ kind }) => kind === "same")
  return (
    <div class="ob-text">
      <div class="ob-text-head">
        <h4>Differences</h4>
        <span class="ob-small ob-muted">
          {isSame ? (
            "none: both are the same"
          ) : (
            <>
              <ins>only in the response</ins> <del>only in the reference</del>
            </>
          )}
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="ob-pre" tabIndex={0} aria-label="Differences">
        <bdi>
          {pieces.map(({ kind, text }, i) => {
            if (kind === "added") return <ins key={i}>{visible(text)}</ins>
            if (kind === "removed") return <del key={i}>{visible(text)}</del>
            return <span key={i}>{visible(text)}</span>
          })}
        </bdi>
      </section>
    </div>
  )
}
