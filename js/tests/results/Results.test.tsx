import { fireEvent, screen, waitFor, within } from "@testing-library/preact"
import { act } from "preact/test-utils"
import { describe, expect, it, vi } from "vitest"
import { Results } from "../../src/results/Results"
import { jobSnapshot, Refusal } from "../fake-model"
import { resultRow } from "./arrow-rows"
import { holding, show } from "./shown"

const ROWS = [
  resultRow(0, { response: "It is <b>four</b>." }),
  resultRow(1, { response: "It is cut", finish_reason: "length" }),
  resultRow(2, {
    status: "failed",
    finish_reason: "error",
    response: null,
    error_code: "throttled",
    error_message: "Too many requests.",
  }),
]
const JOB = jobSnapshot({ total: 3, succeeded: 2, failed: 1, truncated: 1 })

async function shown(rows = ROWS, job = JOB) {
  // The page of the tests has no layout.
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(400)
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(1_000)
  const view = show(<Results />, holding(rows), { job })
  await screen.findByText(rows[0]?.x_uid ?? "")
  return view
}

const grid = () => screen.getByTestId("results-table")
const cells = (row: number) =>
  within(within(grid()).getAllByRole("row")[row + 1] as HTMLElement).getAllByRole(
    "gridcell",
  )

describe("the results table", () => {
  it("invites to run when nothing has run", () => {
    show(<Results />)

    expect(screen.getByText(/Answers appear here/)).toBeTruthy()
  })

  it("tells a screen reader its size and where each row stands", async () => {
    await shown()

    expect(grid().getAttribute("role")).toBe("grid")
    expect(grid().getAttribute("aria-rowcount")).toBe("4")
    expect(grid().getAttribute("aria-colcount")).toBe("11")
    const rows = within(grid()).getAllByRole("row")
    expect(rows.map((row) => row.getAttribute("aria-rowindex"))).toEqual([
      "1",
      "2",
      "3",
      "4",
    ])
  })

  it("shows text as text, truncation and errors at a glance", async () => {
    await shown()

    expect(screen.getByText("It is <b>four</b>.")).toBeTruthy()
    expect(grid().querySelector("b")).toBeNull()
    expect(cells(1)[1]?.textContent).toBe("truncated")
    expect(cells(2)[1]?.textContent).toBe("failed")
    expect(cells(2)[3]?.textContent).toBe("Too many requests.")
  })

  it("fills in prompts and references a moment later", async () => {
    await shown()

    await waitFor(() => expect(cells(0)[2]?.textContent).toBe("prompt 0"))
    expect(cells(0)[4]?.textContent).toBe("reference 0")
  })

  it("moves one focus by keyboard", async () => {
    await shown()
    const stops = () => grid().querySelectorAll('[tabindex="0"]')
    expect(stops()).toHaveLength(1)

    act(() => (stops()[0] as HTMLElement).focus())
    fireEvent.keyDown(document.activeElement as Element, { key: "ArrowDown" })
    fireEvent.keyDown(document.activeElement as Element, { key: "End" })

    expect(stops()).toHaveLength(1)
    expect(document.activeElement).toBe(cells(1).at(-1))
  })

  it("scrolls the focused row out of sight and back with its focus", async () => {
    const many = Array.from({ length: 300 }, (_, i) => resultRow(i))
    await shown(many, jobSnapshot({ total: 300, succeeded: 300 }))
    act(() => cells(0)[0]?.focus())
    fireEvent.keyDown(cells(0)[0] as Element, { key: "ArrowDown" })
    const focused = document.activeElement
    const elements = new Set(grid().querySelectorAll(".ob-grid-row"))

    for (const row of [40, 200, 120, 0]) {
      grid().scrollTop = row * 28
      fireEvent.scroll(grid())
      await screen.findByText(`doc::${row + 3}`)
      expect(document.activeElement).toBe(focused)
      expect(focused?.parentElement?.getAttribute("aria-rowindex")).toBe("3")
    }
    const after = [...grid().querySelectorAll(".ob-grid-row")]
    expect(after.filter((row) => elements.has(row)).length).toBeGreaterThan(15)
    expect(after.map((row) => Number(row.getAttribute("aria-rowindex")))).toEqual(
      after.map((_, i) => i + 2),
    )
  })

  it("sorts up, down and not at all in the kernel", async () => {
    const { model } = await shown()
    const header = () => screen.getByRole("columnheader", { name: "Latency" })

    for (const order of ["ascending", "descending", "none"]) {
      fireEvent.click(header())
      await waitFor(() => expect(header().getAttribute("aria-sort")).toBe(order))
    }

    await waitFor(() =>
      expect(model.requests("rows").map(({ payload }) => payload.sort)).toEqual([
        null,
        { column: "latency_s", descending: false },
        { column: "latency_s", descending: true },
        null,
      ]),
    )
  })

  it("filters by text after a rest and by how rows ended at once", async () => {
    const { model } = await shown()
    const input = screen.getByTestId("results-filter") as HTMLInputElement

    fireEvent.input(input, { target: { value: "c" } })
    fireEvent.input(input, { target: { value: "cut" } })
    await waitFor(() => expect(grid().getAttribute("aria-rowcount")).toBe("2"))
    fireEvent.click(screen.getByTestId("results-filter-truncated"))

    await waitFor(() =>
      expect(model.requests("rows").map(({ payload }) => payload.filter)).toEqual([
        { statuses: [], text: "" },
        { statuses: [], text: "cut" },
        { statuses: ["truncated"], text: "cut" },
      ]),
    )
  })

  it("says that nothing matches and how to see all again", async () => {
    await shown()
    fireEvent.input(screen.getByTestId("results-filter"), { target: { value: "zzz" } })
    await screen.findByText("No row matches.")

    fireEvent.click(screen.getByText("Clear the filter"))

    await screen.findByText("doc::0")
    expect((screen.getByTestId("results-filter") as HTMLInputElement).value).toBe("")
  })

  it("says why rows cannot be read and tries again", async () => {
    const refusal = new Refusal({
      code: "not_found",
      message: "The job is gone.",
      hint: "",
      field: null,
    })
    const { model } = show(<Results />, { rows: () => refusal }, { job: JOB })
    await screen.findByText("The job is gone.")

    model.handlers = holding(ROWS)
    fireEvent.click(screen.getByText("Try again"))

    await screen.findByText("doc::0")
  })

  it("shows rows as they come", async () => {
    const { model } = await shown(ROWS.slice(0, 1))
    Object.assign(model.handlers, holding(ROWS, 2))

    act(() => model.fromKernel("job", { ...JOB, results_version: 2 }))

    await screen.findByText("doc::2")
  })

  it("forgets the filter with the job it was for", async () => {
    const { model } = await shown()
    fireEvent.click(screen.getByTestId("results-filter-failed"))

    act(() => model.fromKernel("job", { ...JOB, id: "job-2" }))

    const chip = await screen.findByTestId("results-filter-failed")
    expect(chip.getAttribute("aria-pressed")).toBe("false")
  })

  it("hides a column and shows it again", async () => {
    await shown()
    fireEvent.click(screen.getByRole("button", { name: /Columns/ }))

    fireEvent.click(screen.getByRole("checkbox", { name: "Prompt" }))
    expect(screen.queryByRole("columnheader", { name: "Prompt" })).toBeNull()
    expect(grid().getAttribute("aria-colcount")).toBe("10")
    fireEvent.click(screen.getByRole("checkbox", { name: "Prompt" }))
    expect(screen.getByRole("columnheader", { name: "Prompt" })).toBeTruthy()
  })

  it("tells rows of several datasources apart until somebody changes the columns", async () => {
    const several = { ...JOB, id: "job-2", n_datasources: 2 }
    const headers = () =>
      screen.getAllByRole("columnheader").map((each) => each.textContent)
    const { model } = await shown()
    expect(headers()).not.toContain("Datasource")

    act(() => model.fromKernel("job", several))
    await waitFor(() => expect(headers()[0]).toBe("Datasource"))

    fireEvent.click(screen.getByRole("button", { name: /Columns/ }))
    fireEvent.click(screen.getByRole("checkbox", { name: "Datasource" }))
    act(() => model.fromKernel("job", { ...several, id: "job-3" }))
    await screen.findByText("doc::0")
    expect(headers()).not.toContain("Datasource")
    fireEvent.click(screen.getByRole("button", { name: "Columns" }))
    fireEvent.click(screen.getByRole("button", { name: "Reset columns" }))
    expect(headers()[0]).toBe("Datasource")
  })

  it("moves a column by keyboard", async () => {
    await shown()
    fireEvent.click(screen.getByRole("button", { name: /Columns/ }))

    fireEvent.click(screen.getByRole("button", { name: "Move Status left" }))

    expect(screen.getAllByRole("columnheader")[0]?.textContent).toBe("Status")
  })

  it("copies a cell whole, although it shows the beginning", async () => {
    const written = clipboard()
    const { model } = await shown()
    const row = holding(ROWS).row
    model.handlers.row = async (payload) =>
      ({
        ...(await row?.(payload)),
        response: "the whole long answer",
      }) as never

    act(() => cells(0)[3]?.focus())
    fireEvent.click(cells(0)[3] as Element)
    fireEvent.keyDown(cells(0)[3] as Element, { key: "c", ctrlKey: true })

    await waitFor(() => expect(written).toEqual(["the whole long answer"]))
    await screen.findByText("Copied Response of doc::0.")
  })

  it("offers the text for selection where the browser does not copy", async () => {
    vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("denied"))
    await shown()

    fireEvent.click(cells(0)[0] as Element)
    fireEvent.keyDown(cells(0)[0] as Element, { key: "c", metaKey: true })

    const area = await screen.findByLabelText(/does not let this page copy/)
    expect((area as HTMLTextAreaElement).value).toBe("doc::0")
  })
})

describe("the detail of a row", () => {
  it("opens with a click or Enter, follows the arrows and closes with Escape", async () => {
    await shown()
    fireEvent.click(cells(0)[0] as Element)
    await screen.findByLabelText("Row doc::0")

    fireEvent.keyDown(cells(0)[0] as Element, { key: "ArrowDown" })
    await screen.findByLabelText("Row doc::1")
    fireEvent.keyDown(cells(1)[0] as Element, { key: "Escape" })
    expect(screen.queryByTestId("row-detail")).toBeNull()
    fireEvent.keyDown(cells(1)[0] as Element, { key: "Enter" })
    await screen.findByLabelText("Row doc::1")
  })

  it("steps to the next row and back, and stops at the ends", async () => {
    await shown()
    fireEvent.click(cells(0)[0] as Element)
    await screen.findByLabelText("Row doc::0")
    const previous = () => screen.getByRole("button", { name: "Previous row" })
    const next = () => screen.getByRole("button", { name: "Next row" })
    expect((previous() as HTMLButtonElement).disabled).toBe(true)

    fireEvent.click(next())
    fireEvent.click(next())

    await screen.findByLabelText("Row doc::2")
    expect((next() as HTMLButtonElement).disabled).toBe(true)
    await screen.findByText("throttled")
  })

  it("marks the differences by more than a colour", async () => {
    await shown([resultRow(0, { response: "reference zero" })])
    fireEvent.click(cells(0)[0] as Element)
    fireEvent.click(await screen.findByRole("button", { name: "Differences" }))

    const detail = screen.getByLabelText("Differences")
    expect(detail.querySelector("ins")?.textContent).toBe("zero")
    expect(detail.querySelector("del")?.textContent).toBe("0")
  })

  it("lays out the beginning of a huge text until asked for all of it", async () => {
    const { model } = await shown()
    const row = holding(ROWS).row
    model.handlers.row = async (payload) =>
      ({
        ...(await row?.(payload)),
        response: "x".repeat(300_000),
        cut: ["response"],
      }) as never
    fireEvent.click(cells(0)[0] as Element)

    const text = await screen.findByLabelText("Response")
    expect(text.textContent?.length).toBeLessThan(21_000)
    fireEvent.click(screen.getByText("Show all 300,000 characters"))
    expect(text.textContent?.length).toBeGreaterThan(300_000)
    expect(text.textContent).toContain("The text goes on")
  })

  it("stays with its row when others come before it", async () => {
    const { model } = await shown(ROWS.slice(1))
    fireEvent.click(cells(0)[0] as Element)
    await screen.findByLabelText("Row doc::1")
    Object.assign(model.handlers, holding(ROWS, 2))

    act(() => model.fromKernel("job", { ...JOB, results_version: 2 }))

    await screen.findByText("doc::0")
    expect(screen.getByLabelText("Row doc::1").textContent).toContain("2 of 3")
  })

  it("copies the row as JSON", async () => {
    const written = clipboard()
    await shown()
    fireEvent.click(cells(0)[0] as Element)

    fireEvent.click(await screen.findByRole("button", { name: "JSON" }))

    await waitFor(() => expect(written).toHaveLength(1))
    expect(JSON.parse(written[0] ?? "")).toMatchObject({ x_uid: "doc::0" })
  })
})

/** What is written to the clipboard. */
function clipboard(): string[] {
  const written: string[] = []
  vi.spyOn(navigator.clipboard, "writeText").mockImplementation(async (text) => {
    written.push(text)
  })
  return written
}
