import { lastOf } from "../latest"
import type { PreviewReply } from "../messages"
import { count, counted } from "../results/format"
import { visible } from "../results/safe-text"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { setupOf } from "./store"

/** The prompt as it would be sent for one of the chosen rows. */
export function Preview() {
  const panel = usePanel()
  const answer = setupOf(panel).preview.value
  const reply = lastOf(answer)
  return (
    <section class="ob-preview" data-testid="prompt-preview" aria-label="Prompt preview">
      <PreviewHead reply={reply} stale={answer.status === "loading"} />
      <div class="ob-preview-body">
        {answer.status === "failed" && (
          <p class="ob-error ob-small">
            {visible(answer.error.message)} {visible(answer.error.hint)}
          </p>
        )}
        <PreviewRow reply={reply} />
      </div>
    </section>
  )
}

function PreviewHead({ reply, stale }: { reply: PreviewReply | null; stale: boolean }) {
  const store = setupOf(usePanel())
  const total = reply?.n_rows ?? null
  const at = store.index.value
  const step = (by: number) => {
    const last = total === null ? at + by : total - 1
    store.index.value = Math.max(0, Math.min(at + by, last))
  }
  const row = reply?.row
  return (
    <div class="ob-preview-head">
      <span class="ob-ellipsis ob-grow ob-small">
        {row ? (
          <>
            Row {count(reply.index + 1)}
            {total === null ? "" : ` of ${count(total)}`}
            <span class="ob-muted">
              {" "}
              · {row.x_uid}, datasource {row.datasource_uid}
            </span>
          </>
        ) : (
          <span class="ob-muted">No row to show</span>
        )}
      </span>
      <span class="ob-small ob-muted">
        {stale ? "rendering…" : row?.n_tokens != null && counted(row.n_tokens, "token")}
      </span>
      <span class="ob-stepper">
        <button
          type="button"
          class="ob-button ob-quiet"
          aria-label="Previous row"
          data-testid="preview-previous"
          disabled={at <= 0}
          onClick={() => step(-1)}
        >
          <Icon name="left" />
        </button>
        <button
          type="button"
          class="ob-button ob-quiet"
          aria-label="Next row"
          data-testid="preview-next"
          disabled={total === null || at >= total - 1}
          onClick={() => step(1)}
        >
          <Icon name="right" />
        </button>
      </span>
    </div>
  )
}

function PreviewRow({ reply }: { reply: PreviewReply | null }) {
  const panel = usePanel()
  const row = reply?.row
  if (!row) {
    const why =
      panel.call.value.datasource_uids.length === 0
        ? "Choose a datasource to see the prompt of each of its rows."
        : reply?.problems.find(({ severity }) => severity === "error")?.message
    return <p class="ob-small ob-muted">{visible(why ?? "")}</p>
  }
  return (
    <>
      {row.problem !== null && (
        <p class="ob-small ob-error">
          <bdi>{visible(row.problem)}</bdi>
        </p>
      )}
      {row.system !== null && (
        <>
          <p class="ob-label">System</p>
          <pre class="ob-rendered" data-testid="preview-system" dir="auto">
            {visible(row.system)}
          </pre>
        </>
      )}
      {row.system !== null && row.prompt !== null && <p class="ob-label">Prompt</p>}
      {row.prompt !== null && (
        <pre class="ob-rendered" data-testid="preview-prompt" dir="auto">
          {visible(row.prompt)}
        </pre>
      )}
      {row.cut && <p class="ob-small ob-muted">Cut here; the whole text is sent.</p>}
    </>
  )
}
