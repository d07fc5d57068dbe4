import type { PartialAnswer } from "../messages"
import { oneLine, visible } from "./safe-text"

/** Only the end of a long answer moves; the whole comes with the row. */
const MOST_CHARS = 4_000

/** Answers of a trial as they grow. */
export function PartialAnswers({ answers }: { answers: readonly PartialAnswer[] }) {
  return (
    <section class="ob-partials" aria-label="Answers so far">
      {answers.map(({ ordinal, x_uid, text }) => (
        <div key={ordinal} class="ob-partial">
          <div class="ob-mono ob-muted ob-ellipsis">
            <bdi>{oneLine(x_uid)}</bdi>
          </div>
          <p>
            <bdi>
              {text.length > MOST_CHARS && "… "}
              {visible(text.slice(-MOST_CHARS))}
            </bdi>
            <span class="ob-caret" aria-hidden="true" />
          </p>
        </div>
      ))}
    </section>
  )
}
