import { expect, it } from "vitest"
import { RowSlots } from "../../src/results/row-slots"

const numbers = (slots: Map<number, number>) => [...slots.values()]

it("lets a row keep its element as long as it is drawn", () => {
  const slots = new RowSlots()
  slots.of([0, 1, 2, 3])

  expect([...slots.of([2, 3, 4, 5])]).toEqual([
    [2, 2],
    [3, 3],
    [4, 0],
    [5, 1],
  ])
})

it("keeps the element of a row that is far from the others", () => {
  const slots = new RowSlots()
  const at = slots.of([7, 8, 9]).get(8)

  expect(slots.of([8, 500, 501]).get(8)).toBe(at)
})

it("never takes more elements than there are rows", () => {
  const slots = new RowSlots()
  for (let first = 0; first < 1_000; first += 7) {
    const rows = Array.from({ length: 10 }, (_, i) => first + i)
    expect(new Set(numbers(slots.of(rows))).size).toBe(10)
    expect(Math.max(...numbers(slots.of(rows)))).toBeLessThan(17)
  }
})
