/** The jobs that the panels of this page show: how many run, and which have just ended. */

import type { JobNotice, NoticedJob } from "../src/job-event"

export class JobBoard {
  readonly #panels = new Map<string, NoticedJob>()
  /** Jobs that were seen while they ran. Each is reported once when it ends. */
  readonly #followed = new Set<string>()

  /** Take what a panel says. Returns its job if that has ended since it was seen last. */
  take({ panel, job }: JobNotice): NoticedJob | null {
    if (job?.live) this.#panels.set(panel, job)
    else this.#panels.delete(panel)
    if (job === null) return null
    if (job.live) this.#followed.add(job.id)
    else if (this.#followed.delete(job.id)) return job
    return null
  }

  /** The jobs that run, each once. */
  get live(): NoticedJob[] {
    return [...new Map([...this.#panels.values()].map((job) => [job.id, job])).values()]
  }
}

/** What a tooltip says of the jobs that run; empty for none. */
export function progressText(jobs: readonly NoticedJob[]): string {
  const [first] = jobs
  if (first === undefined) return ""
  if (jobs.length > 1) return `${jobs.length} jobs are running`
  return `${first.model_name}: ${count(first.done)} of ${count(first.total)} rows`
}

export interface Ending {
  type: "success" | "warning" | "error" | "info"
  message: string
}

/** What is said of a job that has ended. */
export function endingOf(job: NoticedJob): Ending {
  const rows = `${count(job.done)} of ${count(job.total)} rows`
  switch (job.status) {
    case "succeeded":
      return job.failed > 0
        ? {
            type: "warning",
            message: `${job.model_name}: all ${count(job.total)} rows done, ${count(job.failed)} failed`,
          }
        : {
            type: "success",
            message: `${job.model_name}: all ${count(job.total)} rows done`,
          }
    case "cancelled":
      return { type: "info", message: `${job.model_name}: cancelled after ${rows}` }
    case "interrupted":
      return {
        type: "error",
        message: `${job.model_name}: interrupted after ${rows}; it can be resumed`,
      }
    default:
      return { type: "error", message: `${job.model_name}: failed after ${rows}` }
  }
}

function count(n: number): string {
  return n.toLocaleString("en")
}
