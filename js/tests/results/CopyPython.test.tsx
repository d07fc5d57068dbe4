import { fireEvent, screen, waitFor } from "@testing-library/preact"
import { describe, expect, it, vi } from "vitest"
import { CopyPython } from "../../src/results/CopyPython"
import { DRAFT, Refusal } from "../fake-model"
import { show } from "./shown"

describe("copy as Python", () => {
  it("copies the call as it is edited", async () => {
    const write = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue()
    const { model } = show(<CopyPython />, { as_python: () => ({ code: "x = 1\n" }) })

    fireEvent.click(screen.getByTestId("copy-as-python"))

    await waitFor(() => expect(write).toHaveBeenCalledWith("x = 1\n"))
    await waitFor(() =>
      expect(screen.getByTestId("copy-as-python").textContent).toBe("Copied"),
    )
    expect(model.requests("as_python")[0]?.payload).toEqual({
      draft: DRAFT,
      job_id: null,
    })
  })

  it("shows the code for selection where the browser does not copy", async () => {
    vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("denied"))
    show(<CopyPython />, { as_python: () => ({ code: "x = 1\n" }) })

    fireEvent.click(screen.getByTestId("copy-as-python"))

    const area = await screen.findByLabelText(/does not let this page copy/)
    expect((area as HTMLTextAreaElement).value).toBe("x = 1\n")
  })

  it("says why there is no code", async () => {
    const refusal = new Refusal({
      code: "config",
      message: "No datasource is chosen.",
      hint: "",
      field: "datasource_uids",
    })
    show(<CopyPython />, { as_python: () => refusal })

    fireEvent.click(screen.getByTestId("copy-as-python"))

    await screen.findByText("No datasource is chosen.")
  })
})
