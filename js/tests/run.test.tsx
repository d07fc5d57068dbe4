import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { jobSnapshot, Refusal } from "./fake-model"
import { DRAFT, type Mounted, mountPanel, preflightReply } from "./mounted"

const CHOSEN = { ...DRAFT, datasource_uids: [5] }
const COST = {
  low_usd: 4.3,
  high_usd: 7.8,
  usd_per_hour: 7.09,
  usd_per_day: 170.16,
  measured: false,
}

describe("running", () => {
  let panel: Mounted

  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    panel.unmount()
    vi.useRealTimers()
  })

  const run = () => panel.part<HTMLButtonElement>("run")
  const launches = () => panel.model.requests("launch").map(({ payload }) => payload)

  it("says how many rows it is and what they take", async () => {
    panel = await mountPanel({}, { call: CHOSEN })

    expect(run().textContent).toBe("Run 817 rows")
    expect(panel.part("cost-estimate").textContent).toBe(
      "817 rows · 24k to 27k tokens in · 2 min to 3 min · Free: it runs on this machine.",
    )
  })

  it("starts one job however often it is pressed", async () => {
    panel = await mountPanel({}, { call: CHOSEN })

    await panel.press("run")
    await panel.press("run")

    expect(launches()).toHaveLength(1)
    expect(launches()[0]).toMatchObject({ draft: CHOSEN, trial: null })
    expect(launches()[0]?.token).toMatch(/^[0-9a-f]{32}$/)
  })

  it("does not start another before the first is seen", async () => {
    panel = await mountPanel({ launch: () => ({ job_id: "job-2" }) }, { call: CHOSEN })

    await panel.press("run")
    await panel.settle(100)
    expect(run().disabled).toBe(true)

    panel.model.fromKernel("job", jobSnapshot({ id: "job-2", live: false }))
    await panel.settle(0)
    expect(run().disabled).toBe(false)
  })

  it("repeats a launch without an answer as the same one, and an edited one as another", async () => {
    panel = await mountPanel({}, { call: CHOSEN })
    await panel.press("run")
    const beats = setInterval(() => panel.model.beat(), 2_000)
    await panel.settle(121_000)
    expect(panel.part("launch-error").textContent).toContain("did not answer")

    await panel.press("run")
    await panel.settle(121_000)
    await panel.type("prompt-template", "{instruction}!")
    await panel.settle(1_000)
    await panel.press("run")
    clearInterval(beats)

    const [first, second, third] = launches().map(({ token }) => token)
    expect(second).toBe(first)
    expect(third).not.toBe(first)
  })

  it("tries as many rows as are asked for", async () => {
    panel = await mountPanel({}, { call: CHOSEN })

    await panel.type("try-n", "5")
    await panel.press("try")

    expect(launches()[0]?.trial).toBe(5)
  })

  it("is blocked by an error, which leads to its field, and not by a warning", async () => {
    const problems = [
      {
        severity: "error" as const,
        code: "config",
        message: "No such model.",
        hint: "Look again.",
        field: "external_model_name",
        x_uids: ["doc::1"],
      },
      {
        severity: "warning" as const,
        code: "duplicates",
        message: "Some are the same.",
        hint: "",
        field: null,
        x_uids: [],
      },
    ]
    let found = problems
    panel = await mountPanel(
      {
        preflight: () =>
          preflightReply({ ok: found.length < 2, problems: found, n_rows: 817 }),
      },
      { call: CHOSEN },
    )
    expect(run().disabled).toBe(true)
    expect(panel.all("problem").map(({ dataset }) => dataset.severity)).toEqual([
      "error",
      "warning",
    ])
    expect(panel.all("problem")[0]?.textContent).toContain("doc::1")

    panel.all("problem")[0]?.querySelector("button")?.click()
    await panel.settle(100)
    expect(document.activeElement).toBe(panel.part("model-name"))

    found = problems.slice(1)
    await panel.type("model-name", "there")
    await panel.settle()
    expect(run().disabled).toBe(false)
  })

  it("waits for the check of what was changed", async () => {
    panel = await mountPanel({}, { call: CHOSEN })

    await panel.type("prompt-template", "new")
    expect(run().disabled).toBe(true)
    expect(panel.part("cost-estimate").textContent).toContain("being checked again")

    await panel.settle(700)
    expect(run().disabled).toBe(false)
  })

  it("shows why a launch failed", async () => {
    panel = await mountPanel(
      {
        launch: () =>
          new Refusal({
            code: "budget_exceeded",
            message: "Too dear.",
            hint: "Raise it.",
            field: null,
          }),
      },
      { call: CHOSEN },
    )

    await panel.press("run")
    await panel.settle(100)

    expect(panel.part("launch-error").textContent).toBe("Too dear. Raise it.")
    expect(run().disabled).toBe(false)
  })

  it("says what will be paid, and asks before an endpoint is kept", async () => {
    panel = await mountPanel(
      { preflight: () => preflightReply({ cost: COST }) },
      {
        call: { ...CHOSEN, provider: "sagemaker", deployment: { keep_endpoint: true } },
      },
    )
    expect(run().textContent).toBe("Run 817 rows · $4.30 to $7.80")

    await panel.press("run")
    expect(launches()).toEqual([])
    expect(panel.root.querySelector('[role="alertdialog"]')?.textContent).toContain(
      "$170.16 a day",
    )

    await panel.press("run-anyway")
    expect(launches()).toHaveLength(1)
  })

  it("cancels a live job, and says so until it has stopped", async () => {
    panel = await mountPanel({}, { call: CHOSEN, job: jobSnapshot() })
    expect(run().disabled).toBe(true)

    await panel.press("cancel")

    expect(panel.model.requests("cancel")[0]?.payload).toEqual({ job_id: "job-1" })
    expect(panel.part("cancel").textContent).toBe("Cancelling…")
  })

  it("resumes and retries what is left of a job that has stopped", async () => {
    const job = jobSnapshot({
      status: "cancelled",
      live: false,
      resumable: true,
      failed: 3,
    })
    panel = await mountPanel(
      { resume: () => ({}), retry_failed: () => ({}) },
      { call: CHOSEN, job },
    )
    expect(panel.find("cancel")).toBeNull()

    await panel.press("resume")
    await panel.settle(10)
    await panel.press("retry-failed")
    await panel.settle(10)

    expect(panel.model.requests("resume")[0]?.payload).toEqual({
      job_id: "job-1",
      max_cost_usd: null,
    })
    expect(panel.part("retry-failed").textContent).toBe("Retry 3 failed")
    expect(panel.model.requests("retry_failed")).toHaveLength(1)
  })

  it("asks for a new budget where the old one is spent", async () => {
    const error = { code: "budget", message: "Spent.", hint: "", field: "max_cost_usd" }
    const job = jobSnapshot({ status: "failed", live: false, resumable: true, error })
    panel = await mountPanel({ resume: () => ({}) }, { call: CHOSEN, job })
    expect(panel.part<HTMLButtonElement>("resume").disabled).toBe(true)

    await panel.type("resume-budget", "12.5")
    await panel.press("resume")

    expect(panel.model.requests("resume")[0]?.payload.max_cost_usd).toBe(12.5)
  })

  it("puts a job away", async () => {
    panel = await mountPanel(
      {},
      { call: CHOSEN, job: jobSnapshot({ status: "succeeded", live: false }) },
    )

    await panel.press("new-run")

    expect(panel.model.requests("watch").at(-1)?.payload).toEqual({
      job_id: null,
      restore: false,
    })
  })
})
