import { signal } from "@preact/signals"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { announceJob } from "../src/announce"
import { JOB_EVENT, type JobNotice } from "../src/job-event"
import type { KernelState } from "../src/liveness"
import type { JobSnapshot, Session } from "../src/messages"

const running = {
  id: "job-1",
  status: "running",
  live: true,
  trial: false,
  model_name: "qwen",
  total: 10,
  succeeded: 3,
  failed: 1,
} as JobSnapshot

describe("the page hears of the job that a panel shows", () => {
  const heard: JobNotice[] = []
  const listen = (event: Event) => heard.push((event as CustomEvent<JobNotice>).detail)
  const job = signal<JobSnapshot | null>(null)
  const session = signal<Session>({ id: "s", notebook: "a.ipynb" })
  const kernel = signal<KernelState>("alive")
  let stop: () => void

  beforeEach(() => {
    job.value = null
    kernel.value = "alive"
    window.addEventListener(JOB_EVENT, listen)
    stop = announceJob({ job, session, kernel })
    heard.length = 0
  })
  afterEach(() => {
    stop()
    window.removeEventListener(JOB_EVENT, listen)
  })

  it("with what there is to count", () => {
    job.value = running

    expect(heard).toEqual([
      {
        panel: "s",
        notebook: "a.ipynb",
        job: {
          id: "job-1",
          status: "running",
          live: true,
          trial: false,
          model_name: "qwen",
          done: 4,
          failed: 1,
          total: 10,
        },
      },
    ])
  })

  it("no longer, once the kernel is silent or the panel gone", () => {
    job.value = running
    heard.length = 0

    kernel.value = "silent"
    stop()

    expect(heard.map((notice) => notice.job)).toEqual([null, null])
  })
})
