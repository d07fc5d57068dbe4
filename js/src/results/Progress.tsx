import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { percent } from "./format"
import { JobEvents } from "./JobEvents"
import { JobLog } from "./JobLog"
import { PartialAnswers } from "./PartialAnswers"
import "./results.css"
import { Sparkline } from "./Sparkline"
import { brief, oneLine, visible } from "./safe-text"
import { explanation, extentOf, extentText, facts, JOB_LOOKS } from "./status-words"
import { useSeconds } from "./use-seconds"
import { resultsViewOf } from "./view-state"

/** How the job stands that the panel shows. */
export function Progress() {
  const panel = usePanel()
  const job = panel.job.value
  const { throughput } = resultsViewOf(panel)
  const isMoving = job?.live === true && panel.answers.value
  const seconds = useSeconds(job?.elapsed_s ?? 0, isMoving)

  return (
    <div class="ob-run ob-stack">
      <div class="ob-run-head">
        {/* Heard when the state changes; the numbers beside it would be chatter. */}
        <div
          class={`ob-job-status ob-tone-${job ? JOB_LOOKS[job.status].tone : "quiet"}`}
          data-testid="job-status"
          data-status={job?.status ?? "none"}
          role="status"
        >
          {job === null ? (
            <span class="ob-muted">no run yet</span>
          ) : (
            <>
              <Icon name={JOB_LOOKS[job.status].icon} />
              <strong>{job.status}</strong>
            </>
          )}
        </div>
        {job !== null && (
          <>
            {job.trial && <span class="ob-badge">trial</span>}
            <span class="ob-run-what ob-ellipsis ob-muted" title={visible(job.id)}>
              <bdi>{oneLine(job.model_name)}</bdi>
            </span>
            <Sparkline points={throughput.value?.points ?? []} isLive={job.live} />
          </>
        )}
      </div>
      {job !== null && (
        <>
          <Bar />
          {explanation(job) !== "" && (
            <p class="ob-small ob-run-say">
              <bdi>{brief(explanation(job))}</bdi>
            </p>
          )}
          <dl class="ob-facts">
            {facts(job, seconds).map(({ label, value, tone }) => (
              <div key={label} class={`ob-tone-${tone ?? "quiet"}`}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          {job.warning !== null && (
            <p class="ob-note ob-tone-warn">
              <Icon name="warning" />
              <bdi>{brief(job.warning)}</bdi>
            </p>
          )}
          {/* Of a job that was cancelled the sentence above has said it all. */}
          {job.error !== null && job.status !== "cancelled" && (
            <div class={`ob-note ob-tone-${JOB_LOOKS[job.status].tone}`} role="alert">
              <Icon name={JOB_LOOKS[job.status].icon} />
              <div>
                <bdi>{brief(job.error.message)}</bdi>
                {job.error.hint !== "" && <p class="ob-hint">{brief(job.error.hint)}</p>}
              </div>
            </div>
          )}
          {job.live && job.partials.length > 0 && (
            <PartialAnswers answers={job.partials} />
          )}
          <div class="ob-run-more">
            <JobEvents key={`events ${job.id}`} job={job} />
            {(job.status === "failed" || job.status === "interrupted") && (
              <JobLog key={`log ${job.id}`} jobId={job.id} />
            )}
          </div>
        </>
      )}
    </div>
  )
}

function Bar() {
  const job = usePanel().job.value
  if (job === null) return null
  const extent = extentOf(job)
  const share = (part: number, whole: number) =>
    `${whole === 0 ? 0 : Math.min(100, (part / whole) * 100)}%`
  return (
    <div class="ob-run-bar">
      <div
        class={`ob-bar ${extent === null && job.live ? "ob-bar-unknown" : ""}`}
        data-testid="progress"
        role="progressbar"
        aria-label="Progress"
        aria-valuemin={0}
        aria-valuemax={extent?.total}
        aria-valuenow={extent?.done}
        aria-valuetext={extentText(job)}
      >
        {extent !== null && (
          <>
            <div
              class="ob-bar-done"
              style={{ width: share(extent.done - extent.failed, extent.total) }}
            />
            <div
              class="ob-bar-failed"
              style={{ width: share(extent.failed, extent.total) }}
            />
          </>
        )}
      </div>
      <span class="ob-small ob-run-percent">
        {extent === null ? "" : percent(extent.done, extent.total)}
      </span>
    </div>
  )
}
