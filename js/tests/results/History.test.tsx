import { fireEvent, screen, waitFor } from "@testing-library/preact"
import { act } from "preact/test-utils"
import { describe, expect, it } from "vitest"
import type { JobItem } from "../../src/messages"
import { History } from "../../src/results/History"
import { Results } from "../../src/results/Results"
import { jobSnapshot, Refusal } from "../fake-model"
import { resultRow } from "./arrow-rows"
import { holding, show } from "./shown"

function jobItem(id: string, parts: Partial<JobItem> = {}): JobItem {
  return {
    id,
    status: "succeeded",
    trial: false,
    model_name: "smollm2",
    provider: "local",
    datasource_uids: [3],
    total: 10,
    succeeded: 10,
    failed: 0,
    truncated: 0,
    created_at: 1_796_000_000,
    elapsed_s: 12,
    cost_usd: null,
    ...parts,
  }
}

const DELETED = new Refusal({
  code: "not_found",
  message: "Job job-1 was deleted.",
  hint: "",
  field: null,
})

const page = (...items: JobItem[]) => ({ items, total: items.length })

describe("the history", () => {
  it("lists runs and marks the one that is shown", async () => {
    show(
      <History />,
      {
        jobs: () =>
          page(jobItem("job-1", { trial: true }), jobItem("job-2", { failed: 4 })),
      },
      { job: jobSnapshot({ id: "job-2", failed: 4 }) },
    )

    const first = await screen.findByTestId("job-job-1")
    expect(first.textContent).toContain("trial")
    expect(first.getAttribute("aria-current")).toBeNull()
    const second = screen.getByTestId("job-job-2")
    expect(second.textContent).toContain("4 failed")
    expect(second.getAttribute("aria-current")).toBe("true")
  })

  it("counts on in the run that is shown though the list was read before", async () => {
    show(
      <History />,
      { jobs: () => page(jobItem("job-2", { status: "running", succeeded: 0 })) },
      { job: jobSnapshot({ id: "job-2", status: "running", total: 10, succeeded: 7 }) },
    )

    const item = await screen.findByTestId("job-job-2")

    expect(item.textContent).toContain("7 of 10 rows")
  })

  it("opens a run with its settings", async () => {
    const { model } = show(<History />, {
      jobs: () => page(jobItem("job-1")),
      watch: () => ({}),
    })

    fireEvent.click(await screen.findByTestId("job-job-1"))

    await waitFor(() =>
      expect(model.requests("watch")[0]?.payload).toEqual({
        job_id: "job-1",
        restore: true,
      }),
    )
  })

  it("asks for the first rows of a run while that is being opened, and once", async () => {
    const { model } = show(
      <>
        <History />
        <Results />
      </>,
      {
        ...holding([resultRow(0)]),
        jobs: () => page(jobItem("job-1")),
        watch: () => ({}),
      },
    )

    fireEvent.click(await screen.findByTestId("job-job-1"))

    await waitFor(() => expect(model.requests("watch")).toHaveLength(1))
    expect(model.requests("rows")[0]?.payload.job_id).toBe("job-1")
    act(() => model.fromKernel("job", jobSnapshot({ id: "job-1", total: 1 })))
    await screen.findByTestId("results-table")
    await waitFor(() =>
      expect(screen.getByTestId("results-table").getAttribute("aria-rowcount")).toBe("2"),
    )
    expect(model.requests("rows")).toHaveLength(1)
  })

  it("gives the first rows up of a run that cannot be opened", async () => {
    const { model } = show(<History />, {
      jobs: () => page(jobItem("job-1")),
      watch: () => DELETED,
    })

    fireEvent.click(await screen.findByTestId("job-job-1"))

    await screen.findByText("Job job-1 was deleted.")
    const asked = model.requests("rows")[0]
    const given = model.sent.filter(({ type }) => type === "abort")
    expect(given.map(({ payload }) => payload)).toEqual([{ request: asked?.id }])
  })

  it("says at the run why it cannot be opened", async () => {
    show(<History />, { jobs: () => page(jobItem("job-1")), watch: () => DELETED })

    fireEvent.click(await screen.findByTestId("job-job-1"))

    await screen.findByText("Job job-1 was deleted.")
  })

  it("is read again when there may be a new run", async () => {
    const { model } = show(<History />, { jobs: () => page(jobItem("job-1")) })
    await screen.findByTestId("job-job-1")
    model.handlers.jobs = () => page(jobItem("job-2"), jobItem("job-1"))

    act(() => model.fromKernel("versions", { datasources: 0, jobs: 1, presets: 0 }))

    await screen.findByTestId("job-job-2")
  })

  it("searches in the kernel", async () => {
    const { model } = show(<History />, {
      jobs: ({ search }) => (search === "" ? page(jobItem("job-1")) : page()),
    })
    await screen.findByTestId("job-job-1")

    fireEvent.input(screen.getByTestId("history-search"), { target: { value: "qwen" } })

    await screen.findByText("No run matches.")
    expect(model.requests("jobs").at(-1)?.payload.search).toBe("qwen")
  })
})
