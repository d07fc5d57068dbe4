import { describe, expect, it } from "vitest"
import {
  DEFAULT_LAYOUT,
  LEAST_WIDTH,
  MOST_WIDTH,
  movedBy,
  movedTo,
  placed,
  resized,
  toggled,
} from "../../src/results/columns"

const ids = (columns: { id: string }[]) => columns.map(({ id }) => id)

describe("columns", () => {
  it("stand side by side in their order", () => {
    const columns = placed(DEFAULT_LAYOUT, 700)

    expect(ids(columns).slice(0, 4)).toEqual(["x_uid", "status", "prompt", "response"])
    for (const [i, column] of columns.entries())
      expect(column.left).toBe(columns.slice(0, i).reduce((sum, c) => sum + c.width, 0))
  })

  it("fill a narrow grid with those that say most", () => {
    const columns = placed(DEFAULT_LAYOUT, 280)

    expect(ids(columns)).toEqual(["x_uid", "status", "response"])
    expect(columns.reduce((sum, { width }) => sum + width, 0)).toBe(280)
  })

  it("leave the answer what a wide grid has to spare", () => {
    const columns = placed(DEFAULT_LAYOUT, 3_000)

    expect(columns.reduce((sum, { width }) => sum + width, 0)).toBe(3_000)
  })

  it("keep the width that the user gave them, within bounds", () => {
    const layout = resized(resized(DEFAULT_LAYOUT, "response", 333.4), "prompt", 1)

    const columns = placed(layout, 3_000)
    const width = (id: string) => columns.find((column) => column.id === id)?.width
    expect(width("response")).toBe(333)
    expect(width("prompt")).toBe(LEAST_WIDTH)
    expect(resized(layout, "prompt", 9_999).widths.prompt).toBe(MOST_WIDTH)
  })

  it("hide and come back, but the last one stays", () => {
    let layout = toggled(DEFAULT_LAYOUT, "prompt")
    expect(ids(placed(layout, 700))).not.toContain("prompt")
    layout = toggled(layout, "prompt")
    expect(ids(placed(layout, 700))).toContain("prompt")

    for (const id of DEFAULT_LAYOUT.order)
      if (!layout.hidden.includes(id)) layout = toggled(layout, id)
    expect(placed(layout, 700)).toHaveLength(1)
  })

  it("move next to another one", () => {
    expect(movedTo(DEFAULT_LAYOUT, "x_uid", "prompt").order.slice(0, 3)).toEqual([
      "status",
      "prompt",
      "x_uid",
    ])
    expect(movedTo(DEFAULT_LAYOUT, "prompt", "x_uid").order.slice(0, 3)).toEqual([
      "prompt",
      "x_uid",
      "status",
    ])
  })

  it("move by one place and stop at the ends", () => {
    expect(movedBy(DEFAULT_LAYOUT, "x_uid", 1).order[1]).toBe("x_uid")
    expect(movedBy(DEFAULT_LAYOUT, "x_uid", -1)).toBe(DEFAULT_LAYOUT)
  })
})
