import { fireEvent, screen, waitFor } from "@testing-library/preact"
import { act } from "preact/test-utils"
import { describe, expect, it } from "vitest"
import { Progress } from "../../src/results/Progress"
import { jobSnapshot, Refusal } from "../fake-model"
import { show } from "./shown"

describe("progress", () => {
  it("says that nothing has run yet", () => {
    show(<Progress />)

    expect(screen.getByTestId("job-status").textContent).toBe("no run yet")
    expect(screen.queryByTestId("progress")).toBeNull()
  })

  it("shows how far the job is", () => {
    show(<Progress />, {}, { job: jobSnapshot({ total: 10, succeeded: 4, failed: 2 }) })

    const bar = screen.getByRole("progressbar")
    expect(bar.getAttribute("aria-valuenow")).toBe("6")
    expect(bar.getAttribute("aria-valuemax")).toBe("10")
    expect(bar.getAttribute("aria-valuetext")).toBe("6 of 10 rows, 2 failed")
    expect(screen.getByText("4 of 10")).toBeTruthy()
  })

  it("announces a new state, not each new number", () => {
    const { model } = show(<Progress />, {}, { job: jobSnapshot() })
    const status = screen.getByRole("status")
    const before = status.textContent

    act(() => model.fromKernel("job", jobSnapshot({ succeeded: 7 })))
    expect(status.textContent).toBe(before)

    act(() => model.fromKernel("job", jobSnapshot({ status: "succeeded", live: false })))
    expect(status.textContent).toBe("succeeded")
  })

  it("has no end in sight while a deployment does not say how far it is", () => {
    const phase = { kind: "endpoint", message: "Creating it", done: null, total: null }
    show(<Progress />, {}, { job: jobSnapshot({ status: "deploying", phase }) })

    expect(screen.getByRole("progressbar").hasAttribute("aria-valuenow")).toBe(false)
    expect(screen.getByText("Creating it")).toBeTruthy()
  })

  it("shows answers of a trial as they grow", () => {
    const partials = [{ ordinal: 1, x_uid: "doc::1", text: "The <b>capital</b> of" }]
    const { model } = show(
      <Progress />,
      {},
      { job: jobSnapshot({ trial: true, partials }) },
    )
    expect(screen.getByText("The <b>capital</b> of")).toBeTruthy()

    act(() => model.fromKernel("job", jobSnapshot({ status: "succeeded", live: false })))
    expect(screen.queryByLabelText("Answers so far")).toBeNull()
  })

  it("says what broke and what to do, and shows the log's end on request", async () => {
    const error = {
      code: "provider",
      message: "Endpoint 'qwen' is gone.",
      hint: "Deploy it again.",
      field: null,
    }
    const job = jobSnapshot({ status: "failed", live: false, error })
    show(
      <Progress />,
      { log: () => ({ path: "/tmp/a.log", lines: ["\u001b[31mboom\u001b[0m"] }) },
      { job },
    )

    expect(screen.getByRole("alert").textContent).toContain("Deploy it again.")
    fireEvent.click(screen.getByText("End of the log"))
    await waitFor(() => expect(screen.getByText("boom")).toBeTruthy())
  })

  it("tells what happened, and goes on with what happens", async () => {
    const events = [
      { seq: 1, at: 1_796_000_000, kind: "loading", message: "Loading the model" },
      { seq: 2, at: 1_796_000_075, kind: "warning", message: "The server is slow" },
    ]
    const { model } = show(
      <Progress />,
      { events: ({ after }) => ({ items: events.filter(({ seq }) => seq > after) }) },
      { job: jobSnapshot({ status: "deploying" }) },
    )

    fireEvent.click(screen.getByText("What happened"))
    const loading = await screen.findByText("Loading the model")
    expect(loading.parentElement?.textContent).toContain("0 s")
    expect(screen.getByText("1 min 15 s")).toBeTruthy()
    events.push({ seq: 3, at: 1_796_000_080, kind: "status", message: "Running" })
    act(() => model.fromKernel("job", jobSnapshot({ status: "running" })))

    await screen.findByText("Running")
    expect(screen.getAllByText("Loading the model")).toHaveLength(1)
  })

  it("says why there is no log", async () => {
    const job = jobSnapshot({ status: "interrupted", live: false })
    const refusal = new Refusal({
      code: "not_found",
      message: "The log was deleted.",
      hint: "",
      field: null,
    })
    show(<Progress />, { log: () => refusal }, { job })

    fireEvent.click(screen.getByText("End of the log"))

    await waitFor(() => expect(screen.getByText("The log was deleted.")).toBeTruthy())
  })
})
