import { useState } from "preact/hooks"
import { CopyButton } from "./CopyButton"
import { count } from "./format"
import { head, visible } from "./safe-text"

/** Laying out more at once makes the page stutter. */
const MOST_SHOWN = 20_000

interface TextBlockProps {
  title: string
  text: string | null
  /** True if the kernel sent a part only. */
  isCut: boolean
  /** In place of an empty or missing text. */
  none: string
}

/** A text to read, as long as it may be. */
export function TextBlock({ title, text, isCut, none }: TextBlockProps) {
  const [isWhole, setWhole] = useState(false)
  const found = text ?? ""
  const shown = isWhole ? found : head(found, MOST_SHOWN)
  return (
    <div class="ob-text">
      <div class="ob-text-head">
        <h4>{title}</h4>
        <span class="ob-small ob-muted">
          {found === "" ? "" : `${count(found.length)} characters${isCut ? ", cut" : ""}`}
        </span>
        {found !== "" && (
          <CopyButton label={`Copy ${title.toLowerCase()}`} text={() => found} />
        )}
      </div>
      {found === "" ? (
        <p class="ob-muted ob-text-none">{none}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        <section class="ob-pre" tabIndex={0} aria-label={title}>
          <bdi>{visible(shown)}</bdi>
          {shown.length < found.length && (
            <p>
              <button type="button" class="ob-button" onClick={() => setWhole(true)}>
                Show all {count(found.length)} characters
              </button>
            </p>
          )}
          {isCut && shown.length === found.length && (
            <p class="ob-muted">The text goes on; export the results to have it whole.</p>
          )}
        </section>
      )}
    </div>
  )
}
