import { describe, expect, it } from "vitest"
import {
  canvasPx,
  drawn,
  type Extent,
  isStuck,
  MOST_PX,
  onScreen,
  placedAt,
  ROW_PX,
  revealing,
  rowPx,
  START,
  scrolledTo,
} from "../../src/results/viewport"

const SHORT: Extent = { total: 1_000, viewPx: 560 }
const HUGE: Extent = { total: 10_000_000, viewPx: 560 }

describe("a list that fits", () => {
  it("scrolls pixel by pixel", () => {
    const at = scrolledTo(280, START, SHORT)

    expect(at).toEqual({ scrollTop: 280, top: 280 })
    expect(onScreen(at, SHORT)).toEqual({ first: 10, stop: 30 })
    expect(rowPx(10, at)).toBe(280)
  })

  it("has its full height", () => {
    expect(canvasPx(SHORT)).toBe(1_000 * ROW_PX)
  })

  it("draws a few rows more than are on screen and none that do not exist", () => {
    expect(drawn(START, SHORT)).toEqual({ first: 0, stop: 23 })
    expect(drawn(START, { total: 5, viewPx: 560 })).toEqual({ first: 0, stop: 5 })
    expect(drawn(START, { total: 0, viewPx: 560 })).toEqual({ first: 0, stop: 0 })
  })
})

describe("a list of ten million rows", () => {
  it("is no taller than a browser can lay out", () => {
    expect(canvasPx(HUGE)).toBe(MOST_PX)
  })

  it("shows its last row when the scroll bar is at its end", () => {
    const end = MOST_PX - HUGE.viewPx

    const at = scrolledTo(end, START, HUGE)

    expect(onScreen(at, HUGE).stop).toBe(HUGE.total)
    expect(rowPx(HUGE.total - 1, at)).toBeCloseTo(MOST_PX - ROW_PX, 3)
  })

  it("jumps in proportion when the bar is dragged", () => {
    const at = scrolledTo((MOST_PX - HUGE.viewPx) / 2, START, HUGE)

    expect(onScreen(at, HUGE).first).toBeCloseTo(5_000_000, -2)
  })

  it("moves pixel by pixel under the wheel", () => {
    const start = placedAt(140_000_000, HUGE)

    const at = scrolledTo(start.scrollTop + 100, start, HUGE)

    expect(at.top - start.top).toBe(100)
    expect(rowPx(5_000_000, at)).toBe(rowPx(5_000_000, start))
  })

  it("reaches each single row by keyboard", () => {
    for (const index of [0, 1, 4_999_999, 9_999_998, 9_999_999]) {
      const at = revealing(index, placedAt(140_000_000, HUGE), HUGE)
      const { first, stop } = onScreen(at, HUGE)

      expect(index).toBeGreaterThanOrEqual(first)
      expect(index).toBeLessThan(stop)
    }
  })

  it("moves by one row when the next one is revealed", () => {
    const start = placedAt(140_000_000, HUGE)
    const below = onScreen(start, HUGE).stop

    expect(revealing(below, start, HUGE).top - start.top).toBe(ROW_PX)
    expect(revealing(below - 1, start, HUGE)).toBe(start)
  })

  it("is stuck when bar and list do not end together", () => {
    const near = placedAt(2_000, HUGE)
    let at = near
    while (at.scrollTop > 0) at = scrolledTo(Math.max(0, at.scrollTop - 100), at, HUGE)

    expect(at.top).toBeGreaterThan(0)
    expect(isStuck(at, HUGE)).toBe(true)
    expect(isStuck(START, HUGE)).toBe(false)
    expect(isStuck(placedAt(HUGE.total * ROW_PX, HUGE), HUGE)).toBe(false)
  })
})
