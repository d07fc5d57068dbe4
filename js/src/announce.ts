/** Tells the page which job a panel shows, for hosts that show it in other places, too. */

import { effect } from "@preact/signals"
import { JOB_EVENT, type JobNotice, type NoticedJob } from "./job-event"
import type { PanelState } from "./state"

/** Announce each change until the function that is returned is called. */
export function announceJob(
  state: Pick<PanelState, "job" | "session" | "kernel">,
): () => void {
  if (typeof window === "undefined") return () => {}
  const say = (job: NoticedJob | null) => {
    const { id, notebook } = state.session.peek()
    const detail: JobNotice = { panel: id, notebook, job }
    window.dispatchEvent(new CustomEvent(JOB_EVENT, { detail }))
  }
  const stop = effect(() => {
    const job = state.job.value
    say(job === null || state.kernel.value === "silent" ? null : noticed(job))
  })
  return () => {
    stop()
    say(null)
  }
}

function noticed(job: NonNullable<PanelState["job"]["value"]>): NoticedJob {
  const { id, status, live, trial, model_name, total, succeeded, failed } = job
  return { id, status, live, trial, model_name, total, failed, done: succeeded + failed }
}
