/** Shows on the icon that a job runs, and tells when it has ended. */

import { Notification } from "@jupyterlab/apputils"
import type { Title, Widget } from "@lumino/widgets"
import { JOB_EVENT, type JobNotice, type NoticedJob } from "../src/job-event"
import { endingOf, JobBoard, progressText } from "./jobs"

const LIVE = "outboard-mod-live"
/** How long good news stays on the screen; they stay in the list of notifications. */
const GOOD_NEWS_MS = 8_000

/** Follow the jobs of all panels of the page; `open` shows the one that has ended. */
export function followJobs(
  title: Title<Widget>,
  caption: string,
  open: (notebook: string | null) => void,
): void {
  const board = new JobBoard()
  const told = new Map<string, string>()
  window.addEventListener(JOB_EVENT, (event) => {
    const notice = (event as CustomEvent<JobNotice>).detail
    const ended = board.take(notice)
    const progress = progressText(board.live)
    title.className = progress ? LIVE : ""
    title.caption = progress ? `${caption}: ${progress}` : caption
    if (notice.job?.live && told.has(notice.job.id)) {
      Notification.dismiss(told.get(notice.job.id)) // it was resumed
      told.delete(notice.job.id)
    }
    if (ended !== null && !ended.trial)
      told.set(
        ended.id,
        tell(ended, () => open(notice.notebook)),
      )
  })
}

function tell(job: NoticedJob, open: () => void): string {
  const { type, message } = endingOf(job)
  const actions = [{ label: "Show", callback: open }]
  const autoClose = type === "error" ? false : GOOD_NEWS_MS
  return Notification.emit(message, type, { autoClose, actions })
}
