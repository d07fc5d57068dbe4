import { describe, expect, it } from "vitest"
import { type Active, actionFor, type KeyPress } from "../../src/results/grid-keys"

const SIZE = { rows: 1_000, columns: 11, page: 13 }

function press(key: string, held: Partial<KeyPress> = {}): KeyPress {
  return {
    key,
    ctrlKey: false,
    metaKey: false,
    shiftKey: false,
    altKey: false,
    ...held,
  }
}

const from = (at: Active, key: string, held?: Partial<KeyPress>) =>
  actionFor(press(key, held), at, SIZE)

describe("keys in the table", () => {
  it.each<[string, Partial<KeyPress>, Active]>([
    ["ArrowDown", {}, { row: 6, column: 3 }],
    ["ArrowUp", {}, { row: 4, column: 3 }],
    ["ArrowLeft", {}, { row: 5, column: 2 }],
    ["ArrowRight", {}, { row: 5, column: 4 }],
    ["PageDown", {}, { row: 18, column: 3 }],
    ["PageUp", {}, { row: 0, column: 3 }],
    ["Home", {}, { row: 5, column: 0 }],
    ["End", {}, { row: 5, column: 10 }],
    ["Home", { ctrlKey: true }, { row: 0, column: 0 }],
    ["End", { ctrlKey: true }, { row: 999, column: 10 }],
    ["End", { metaKey: true }, { row: 999, column: 10 }],
    ["ArrowDown", { ctrlKey: true }, { row: 999, column: 3 }],
  ])("%s with %o moves", (key, held, to) => {
    expect(from({ row: 5, column: 3 }, key, held)).toEqual({ kind: "move", to })
  })

  it("stop at the edges", () => {
    expect(from({ row: 999, column: 10 }, "ArrowDown")).toEqual({
      kind: "move",
      to: { row: 999, column: 10 },
    })
    expect(from({ row: 0, column: 0 }, "ArrowUp")).toEqual({
      kind: "move",
      to: { row: -1, column: 0 },
    })
    expect(from({ row: -1, column: 0 }, "ArrowUp")).toEqual({
      kind: "move",
      to: { row: -1, column: 0 },
    })
  })

  it("open a row, sort by a header, resize by a header", () => {
    expect(from({ row: 0, column: 0 }, "Enter")).toEqual({ kind: "open" })
    expect(from({ row: -1, column: 0 }, "Enter")).toEqual({ kind: "sort" })
    expect(from({ row: -1, column: 0 }, "ArrowRight", { shiftKey: true })).toEqual({
      kind: "resize",
      by: 16,
    })
  })

  it("copy a cell, and a row with Shift", () => {
    const at = { row: 0, column: 0 }

    expect(from(at, "c", { ctrlKey: true })).toEqual({ kind: "copy-cell" })
    expect(from(at, "C", { metaKey: true, shiftKey: true })).toEqual({ kind: "copy-row" })
    expect(from(at, "c")).toBeNull()
  })

  it("that are the browser's stay the browser's", () => {
    const at = { row: 0, column: 0 }

    expect(from(at, "Tab")).toBeNull()
    expect(from(at, "ArrowLeft", { altKey: true })).toBeNull()
    expect(from(at, "s", { ctrlKey: true })).toBeNull()
  })
})
