import { expect, it } from "vitest"
import { isPanelKey } from "../src/keys"

const press = (key: string, parts: object = {}) =>
  isPanelKey({ key, ctrlKey: false, metaKey: false, defaultPrevented: false, ...parts })

it("keeps letters, arrows and Enter from the notebook's commands", () => {
  expect(["d", "a", "Enter", "ArrowUp", "Escape"].map((key) => press(key))).not.toContain(
    false,
  )
  expect(press("Enter", { ctrlKey: true })).toBe(true)
  expect(press("z", { metaKey: true })).toBe(true)
  expect(press("Control", { ctrlKey: true })).toBe(true)
})

it("leaves saving and the like to the host", () => {
  expect(press("s", { ctrlKey: true })).toBe(false)
  expect(press("b", { metaKey: true })).toBe(false)
})
