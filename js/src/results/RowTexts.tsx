import { useState } from "preact/hooks"
import type { RowDetail } from "../messages"
import { Icon } from "../ui/Icon"
import { Differences } from "./Differences"
import { count, duration, NONE } from "./format"
import { brief, oneLine } from "./safe-text"
import { ROW_LOOKS, statusOf } from "./status-words"
import { TextBlock } from "./TextBlock"

interface RowTextsProps {
  row: RowDetail
  /** True while another row is on its way. */
  isStale: boolean
}

/** What was asked, what was answered, what was hoped for. */
export function RowTexts({ row, isStale }: RowTextsProps) {
  const [isComparing, setComparing] = useState(false)
  const status = statusOf(row)
  const canCompare = row.reference !== null && row.response !== null
  const facts: [string, string][] = [
    ["finish", row.finish_reason ?? NONE],
    ["tokens in", row.input_tokens === null ? NONE : count(row.input_tokens)],
    ["tokens out", row.output_tokens === null ? NONE : count(row.output_tokens)],
    ["latency", duration(row.latency_s)],
    ["attempts", count(row.attempts)],
    ["datasource", String(row.datasource_uid)],
  ]
  const isCut = (name: string) => row.cut.includes(name)
  return (
    <div class={`ob-stack ${isStale ? "ob-stale" : ""}`}>
      <div class="ob-line">
        <span class={`ob-cell-status ob-tone-${ROW_LOOKS[status].tone}`}>
          <Icon name={ROW_LOOKS[status].icon} />
          {status}
        </span>
        <dl class="ob-facts ob-facts-named">
          {facts.map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{oneLine(value)}</dd>
            </div>
          ))}
        </dl>
        {canCompare && (
          <button
            type="button"
            class="ob-toggle"
            aria-pressed={isComparing}
            onClick={() => setComparing(!isComparing)}
          >
            Differences
          </button>
        )}
      </div>
      {status === "truncated" && (
        <p class="ob-note ob-tone-warn">
          <Icon name="warning" />
          The token limit cut this answer. Raise max_new_tokens to have it whole.
        </p>
      )}
      {row.error_code !== null && (
        <div class="ob-note ob-tone-bad">
          <Icon name="error" />
          <div>
            <span class="ob-mono">{oneLine(row.error_code)}</span>{" "}
            <bdi>{brief(row.error_message ?? "")}</bdi>
          </div>
        </div>
      )}
      {isComparing && canCompare && (
        <Differences reference={row.reference ?? ""} response={row.response ?? ""} />
      )}
      <div class="ob-texts">
        <div class="ob-stack">
          <TextBlock
            title="Prompt"
            text={row.prompt}
            isCut={isCut("prompt")}
            none={
              row.prompt === null ? "The datasource can no longer be read." : "Empty."
            }
          />
          {row.system !== null && row.system !== "" && (
            <TextBlock
              title="System prompt"
              text={row.system}
              isCut={isCut("system")}
              none=""
            />
          )}
        </div>
        <TextBlock
          title="Response"
          text={row.response}
          isCut={isCut("response")}
          none={
            row.status === "failed" ? "None: the row failed." : "The model said nothing."
          }
        />
        {row.reference !== null && (
          <TextBlock
            title="Reference"
            text={row.reference}
            isCut={isCut("reference")}
            none="Empty."
          />
        )}
      </div>
    </div>
  )
}
