import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"

const SOURCES = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((path) =>
  /\.tsx?$/.test(path),
)

describe("no text becomes markup", () => {
  it.each(SOURCES)("in %s", (path) => {
    expect(readFileSync(`src/${path}`, "utf8")).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|srcdoc/,
    )
  })
})
