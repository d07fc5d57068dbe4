import { describe, expect, it } from "vitest"
import type { RowDetail } from "../../src/messages"
import { rowAsJson, rowAsTsv } from "../../src/results/copied-text"

const ROW: RowDetail = {
  ordinal: 4,
  datasource_uid: 3,
  x_uid: "doc::4",
  status: "succeeded",
  finish_reason: "stop",
  prompt: "Say\thi",
  system: null,
  response: 'He said "hi"\nand left',
  reference: "=1+1",
  error_code: null,
  error_message: null,
  input_tokens: 3,
  output_tokens: 5,
  latency_s: 0.5,
  attempts: 1,
  cut: [],
}

describe("a copied row", () => {
  it("is JSON that reads back", () => {
    const copied = JSON.parse(rowAsJson(ROW))

    expect(copied.response).toBe(ROW.response)
    expect(copied.system).toBeNull()
    expect(copied).not.toHaveProperty("cut")
  })

  it("is a line of names and a line of values for a spreadsheet", () => {
    const copied = rowAsTsv(ROW)

    const [names] = copied.split("\n")
    expect(names?.split("\t")).toHaveLength(14)
    expect(copied).toContain('"Say\thi"')
    expect(copied).toContain('"He said ""hi""\nand left"')
  })

  it("is no formula in a spreadsheet", () => {
    expect(rowAsTsv(ROW)).toContain("\t'=1+1\t")
  })
})
