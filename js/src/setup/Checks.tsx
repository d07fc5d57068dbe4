import { lastOf } from "../latest"
import type { Problem } from "../messages"
import { count, counted } from "../results/format"
import { oneLine, visible } from "../results/safe-text"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { revealField } from "../ui/reveal"
import { estimateParts } from "./estimate"
import { setupOf } from "./store"

const MOST_X_UIDS = 5

/** What is wrong with the call, and what it will take. */
export function Checks() {
  const panel = usePanel()
  const store = setupOf(panel)
  const answer = store.preflight.value
  const problems = store.problems.value
  const stale = answer.status !== "ready"
  return (
    <div class="ob-checks" data-testid="preflight">
      <div class="ob-line">
        <p class="ob-grow ob-small" role="status" data-stale={stale}>
          <Verdict />
        </p>
        <button
          type="button"
          class="ob-button ob-quiet"
          aria-label="Check again"
          title="Check again"
          disabled={!panel.answers.value}
          onClick={() => {
            store.rechecks.value += 1
          }}
        >
          <Icon name="refresh" />
        </button>
      </div>
      {problems.length > 0 && (
        <ul class="ob-problems" data-stale={stale}>
          {problems.map((problem) => (
            <ProblemItem key={`${problem.code} ${problem.message}`} problem={problem} />
          ))}
        </ul>
      )}
    </div>
  )
}

/** Where the checks stand, in words. */
function Verdict() {
  const panel = usePanel()
  const answer = setupOf(panel).preflight.value
  switch (answer.status) {
    case "none":
      return <span class="ob-muted">Not checked yet</span>
    case "loading":
      return (
        <span class="ob-muted">
          {panel.answers.value ? "Checking…" : "Not checked: no kernel answers"}
        </span>
      )
    case "failed":
      return (
        <span class="ob-error">
          The check failed: {visible(answer.error.message)} {visible(answer.error.hint)}
        </span>
      )
    case "ready": {
      const { problems, n_rows, n_rows_checked } = answer.value
      const errors = problems.filter(({ severity }) => severity === "error").length
      const warnings = problems.length - errors
      const looked =
        n_rows !== null && n_rows_checked > 0 && n_rows_checked < n_rows
          ? `; the first ${count(n_rows_checked)} rows looked at`
          : ""
      const found = [
        errors > 0 && counted(errors, "error"),
        warnings > 0 && counted(warnings, "warning"),
      ].filter((each) => each !== false)
      return found.length === 0 ? (
        <span class="ob-muted">Checked, nothing is wrong{looked}</span>
      ) : (
        <span>
          {found.join(", ")}
          <span class="ob-muted">{looked}</span>
        </span>
      )
    }
  }
}

function ProblemItem({ problem }: { problem: Problem }) {
  const { severity, message, hint, field, x_uids } = problem
  const rows = x_uids.slice(0, MOST_X_UIDS).map(oneLine).join(", ")
  return (
    <li
      class={`ob-problem ob-${severity}-box`}
      data-testid="problem"
      data-severity={severity}
    >
      <span class={`ob-${severity}`}>
        <Icon name={severity} />
        <span class="ob-visually-hidden">{severity}: </span>
      </span>
      <div class="ob-grow">
        <bdi>{visible(message)}</bdi>{" "}
        {hint !== "" && <bdi class="ob-muted">{visible(hint)}</bdi>}
        {x_uids.length > 0 && (
          <div class="ob-small ob-muted ob-mono">
            {rows}
            {x_uids.length > MOST_X_UIDS &&
              ` and ${count(x_uids.length - MOST_X_UIDS)} more`}
          </div>
        )}
      </div>
      {field !== null && (
        <button
          type="button"
          class="ob-button ob-quiet ob-small"
          onClick={({ currentTarget }) => {
            const root = currentTarget.closest(".outboard-panel")
            if (root) revealField(root, field)
          }}
        >
          Show<span class="ob-visually-hidden"> {field}</span>
        </button>
      )}
    </li>
  )
}

/** One line that always says something about size, time and money. */
export function CostEstimate() {
  const panel = usePanel()
  const answer = setupOf(panel).preflight.value
  const reply = lastOf(answer)
  const stale = answer.status !== "ready"
  return (
    <p class="ob-small ob-cost" data-testid="cost-estimate" data-stale={stale}>
      {reply === null ? (
        <span class="ob-muted">Cost not known yet</span>
      ) : (
        <>
          {estimateParts(reply).join(" · ")}
          {stale && <span class="ob-muted"> (being checked again)</span>}
        </>
      )}
    </p>
  )
}
