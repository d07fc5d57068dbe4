/** What a panel tells the page of the job that it shows. */

/** Dispatched on the window, with a `JobNotice` as its detail. */
export const JOB_EVENT = "outboard:job"

export interface NoticedJob {
  id: string
  status: string
  live: boolean
  trial: boolean
  model_name: string
  done: number
  failed: number
  total: number
}

export interface JobNotice {
  /** Id of the panel's session. */
  panel: string
  /** The notebook as its server names it; null if the host does not say. */
  notebook: string | null
  /** null for none, or if nobody is there any more to tell of it. */
  job: NoticedJob | null
}
