import { fireEvent, screen, waitFor } from "@testing-library/preact"
import { describe, expect, it } from "vitest"
import type { Exported } from "../../src/messages"
import { Export } from "../../src/results/Export"
import { jobSnapshot, Refusal } from "../fake-model"
import { show } from "./shown"

const KEPT: Exported = {
  message: "3 rows written to a.parquet",
  path: "/home/ann/a.parquet",
  variable: null,
  uid: null,
}

describe("keeping results", () => {
  it("writes a file where the user says", async () => {
    const { model } = show(<Export job={jobSnapshot()} />, { export: () => KEPT })
    fireEvent.input(screen.getByTestId("export-name"), {
      target: { value: " a.parquet " },
    })
    fireEvent.click(screen.getByTestId("export-with-source"))

    fireEvent.click(screen.getByTestId("export-parquet"))

    await screen.findByText("3 rows written to a.parquet")
    expect(model.requests("export")[0]?.payload).toEqual({
      job_id: "job-1",
      target: { kind: "file", format: "parquet", path: "a.parquet" },
      with_source: true,
    })
  })

  it("makes a variable that has a name even if none was given", async () => {
    const { model } = show(<Export job={jobSnapshot()} />, { export: () => KEPT })

    fireEvent.click(screen.getByTestId("export-variable"))

    await waitFor(() =>
      expect(model.requests("export")[0]?.payload.target).toEqual({
        kind: "variable",
        name: "results",
      }),
    )
  })

  it("says in place why it did not work", async () => {
    const refusal = new Refusal({
      code: "config",
      message: "There is no folder /nowhere.",
      hint: "Choose another path.",
      field: null,
    })
    show(<Export job={jobSnapshot()} />, { export: () => refusal })

    fireEvent.click(screen.getByTestId("export-csv"))

    await screen.findByText("There is no folder /nowhere.")
    expect(screen.getByText("Choose another path.")).toBeTruthy()
    expect((screen.getByTestId("export-csv") as HTMLButtonElement).disabled).toBe(false)
  })

  it("has nothing to keep before the first row", () => {
    show(<Export job={jobSnapshot({ succeeded: 0 })} />)

    expect((screen.getByTestId("export-jsonl") as HTMLButtonElement).disabled).toBe(true)
  })
})
