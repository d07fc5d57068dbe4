import { describe, expect, it } from "vitest"
import {
  ago,
  compact,
  count,
  counted,
  duration,
  elapsed,
  money,
  percent,
  rate,
  remaining,
} from "../../src/results/format"

describe("numbers", () => {
  it("are grouped", () => {
    expect(count(1_234_567)).toBe("1,234,567")
    expect(counted(1, "row")).toBe("1 row")
    expect(counted(2_000, "row")).toBe("2,000 rows")
  })

  it.each([
    [999, "999"],
    [1_000, "1k"],
    [12_345, "12.3k"],
    [999_499, "999k"],
    [999_500, "1M"],
    [4_560_000, "4.6M"],
  ])("%d is short as %s", (value, text) => {
    expect(compact(value)).toBe(text)
  })

  it.each([
    [null, "–"],
    [0, "0"],
    [0.001, "<0.01"],
    [0.254, "0.25"],
    [3.44, "3.4"],
    [1_250.4, "1,250"],
  ])("a rate of %s reads %s", (value, text) => {
    expect(rate(value)).toBe(text)
  })

  it("never claim an end before it is reached", () => {
    expect(percent(0, 10)).toBe("0%")
    expect(percent(1, 10_000)).toBe("<1%")
    expect(percent(9_999, 10_000)).toBe(">99%")
    expect(percent(10, 10)).toBe("100%")
    expect(percent(0, 0)).toBe("0%")
  })
})

describe("times", () => {
  it.each([
    [null, "–"],
    [0.348, "0.35 s"],
    [9.5, "9.5 s"],
    [12.4, "12 s"],
    [59.7, "1 min"],
    [200, "3 min 20 s"],
    [3_599.9, "1 h"],
    [3_900, "1 h 5 min"],
    [187_200, "2 d 4 h"],
  ])("%s seconds last %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })

  it("that run on show whole seconds", () => {
    expect(elapsed(3.9)).toBe("3 s")
    expect(elapsed(75)).toBe("1 min 15 s")
  })

  it("that are left are rounded the more the longer they are", () => {
    expect(remaining(null)).toBe("–")
    expect(remaining(0.2)).toBe("1 s")
    expect(remaining(4.2)).toBe("5 s")
    expect(remaining(41)).toBe("45 s")
    expect(remaining(61)).toBe("1 min 10 s")
    expect(remaining(4_000)).toBe("1 h 7 min")
  })

  it("that are past read as people say them", () => {
    const now = new Date(2026, 10, 30, 15, 0, 0).getTime() / 1_000

    expect(ago(now - 10, now)).toBe("just now")
    expect(ago(now - 300, now)).toBe("5 min ago")
    expect(ago(now - 2 * 3_600, now)).toBe("today 13:00")
    expect(ago(now - 24 * 3_600, now)).toBe("yesterday 15:00")
    expect(ago(now - 60 * 24 * 3_600, now)).toBe("2026-10-01")
  })
})

describe("money", () => {
  it.each([
    [null, "–"],
    [0, "$0"],
    [0.00001, "<$0.0001"],
    [0.00123, "$0.0012"],
    [0.1234, "$0.123"],
    [12.345, "$12.35"],
    [12_345, "$12,345"],
  ])("of %s reads %s", (usd, text) => {
    expect(money(usd)).toBe(text)
  })
})
