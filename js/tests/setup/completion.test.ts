import { expect, it } from "vitest"
import { completionAt } from "../../src/setup/completion"

const NAMES = ["instruction", "context", "best answer", "Category"].map((name) => ({
  name,
  detail: "string",
  isRole: false,
  everywhere: true,
}))

function at(marked: string) {
  const caret = marked.indexOf("|")
  const found = completionAt(marked.replace("|", ""), caret, NAMES)
  return found && { ...found, options: found.options.map(({ name }) => name) }
}

it("offers every name behind a brace", () => {
  expect(at("say {|")).toEqual({
    start: 4,
    end: 5,
    options: ["instruction", "context", "best answer", "Category"],
  })
})

it("puts names that begin with what was typed before those that hold it", () => {
  expect(at("{c|")?.options).toEqual(["context", "Category", "instruction"])
})

it("replaces the rest of a name that the caret stands in", () => {
  expect(at("{con|tex} more")).toMatchObject({ start: 0, end: 8, options: ["context"] })
})

it("offers nothing outside of braces, behind a literal one, or for an unknown name", () => {
  expect(at("no|")).toBeNull()
  expect(at("{done} |")).toBeNull()
  expect(at("{{|")).toBeNull()
  expect(at("{zzz|")).toBeNull()
})

it("takes the third brace of three for one that opens a name", () => {
  expect(at("{{{|")?.start).toBe(2)
})
