import { describe, expect, it } from "vitest"
import { MOST_DIFF_CHARS, piecesBetween } from "../../src/results/text-diff"

describe("differences", () => {
  it("are words that were added and removed", () => {
    expect(piecesBetween("It is four.", "It is five.")).toEqual([
      { kind: "same", text: "It is " },
      { kind: "removed", text: "four" },
      { kind: "added", text: "five" },
      { kind: "same", text: "." },
    ])
  })

  it("put together are both texts", () => {
    const reference = "The  cat\nsat on the mat."
    const answer = "A cat sat\n\non a mat!"

    const pieces = piecesBetween(reference, answer) ?? []
    const without = (kind: string) =>
      pieces
        .filter((piece) => piece.kind !== kind)
        .map(({ text }) => text)
        .join("")
    expect(without("added")).toBe(reference)
    expect(without("removed")).toBe(answer)
  })

  it("of long texts are not looked for", () => {
    expect(piecesBetween("a".repeat(MOST_DIFF_CHARS), "b")).toBeNull()
  })

  it("never take long", () => {
    const words = (seed: number) =>
      Array.from({ length: 2_400 }, (_, i) => `w${(i * seed) % 997}`).join(" ")
    const since = performance.now()

    piecesBetween(words(31).slice(0, 9_900), words(57).slice(0, 9_900))

    expect(performance.now() - since).toBeLessThan(2_000)
  })
})
