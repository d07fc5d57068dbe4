import { expect, it } from "vitest"
import { lex, namesIn } from "../../src/setup/lexer"

const kinds = (text: string) => lex(text).map((token) => [token.kind, token.text])

it("finds names verbatim, literal braces and braces without a partner", () => {
  expect(kinds("a {first name[0]} {{x}} }")).toEqual([
    ["text", "a "],
    ["name", "{first name[0]}"],
    ["text", " "],
    ["literal", "{{"],
    ["text", "x"],
    ["literal", "}}"],
    ["text", " "],
    ["stray", "}"],
  ])
})

it("puts tokens together to the text again", () => {
  const text = '{{"a": {b}}} {}{c'

  expect(
    lex(text)
      .map((token) => token.text)
      .join(""),
  ).toBe(text)
})

it("names each name once", () => {
  expect(namesIn("{a} {b} {a} {{c}}")).toEqual(["a", "b"])
})
