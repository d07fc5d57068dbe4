import { describe, expect, it } from "vitest"
import { answerOf } from "../../lab/answer"

describe("the answer of a kernel", () => {
  it("is the value's representations", () => {
    const value = { status: "ok", data: { "text/plain": "1" }, metadata: {} }

    expect(answerOf({ status: "ok", user_expressions: { value } })).toEqual({
      ok: true,
      data: { "text/plain": "1" },
    })
  })

  it("is the exception of the expression", () => {
    const value = {
      status: "error",
      ename: "OutboardError",
      evalue: "No.",
      traceback: [],
    }

    expect(answerOf({ status: "ok", user_expressions: { value } })).toEqual({
      ok: false,
      ename: "OutboardError",
      evalue: "No.",
    })
  })

  it("is the exception of the request, where that failed as a whole", () => {
    expect(answerOf({ status: "error", ename: "KeyboardInterrupt", evalue: "" })).toEqual(
      { ok: false, ename: "KeyboardInterrupt", evalue: "" },
    )
  })

  it("is none where a failed cell took the request with it", () => {
    expect(answerOf({ status: "aborted" })).toBeNull()
  })
})
