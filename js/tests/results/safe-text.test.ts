import { describe, expect, it } from "vitest"
import { brief, head, logLine, oneLine, visible } from "../../src/results/safe-text"

describe("untrusted text", () => {
  it("shows control characters as symbols", () => {
    expect(visible("a\u0000b\u0007c\u007f")).toBe("a␀b␇c␡")
    expect(visible("\u0085")).toBe("⟨U+0085⟩")
  })

  it("keeps its lines and tabs, however they end", () => {
    expect(visible("a\tb\r\nc\nd\re")).toBe("a\tb\nc\nd␍e")
  })

  it("shows the escape of terminal codes instead of hiding what they hide", () => {
    expect(visible("\u001b[31mred\u001b[0m")).toBe("␛[31mred␛[0m")
  })

  it("shows what would turn the text around", () => {
    expect(visible("abc\u202etxt.exe\u202c")).toBe("abc⟨RLO⟩txt.exe⟨PDF⟩")
    expect(visible("\u2066x\u2069")).toBe("⟨LRI⟩x⟨PDI⟩")
  })

  it("replaces lone surrogates and keeps pairs", () => {
    expect(visible("a\ud800b")).toBe("a\ufffdb")
    expect(visible("😀")).toBe("😀")
  })

  it("leaves scripts and joiners of living languages alone", () => {
    for (const text of ["שלום", "नमस्ते", "می‌خواهم", "👩‍👩‍👧", "e\u0301"])
      expect(visible(text)).toBe(text)
  })

  it("takes one line in a cell", () => {
    expect(oneLine("one\n\n  two\tthree")).toBe("one ↵ two three")
  })

  it("is not cut within a character", () => {
    expect(head("ab😀", 3)).toBe("ab")
    expect(head("ab😀", 4)).toBe("ab😀")
  })

  it("is short in a message", () => {
    expect(brief("x".repeat(1_000_000)).length).toBeLessThan(5_000)
    expect(brief("a\u0000")).toBe("a␀")
  })

  it("takes as much as the kernel sends in a moment", () => {
    const text = "\u0000x".repeat(500_000)

    expect(visible(text).length).toBe(text.length)
  })
})

describe("a line of a log", () => {
  it("loses the codes that colour it", () => {
    expect(logLine("\u001b[1;31merror\u001b[0m: no")).toBe("error: no")
    expect(logLine("\u001b]8;;http://x\u0007link\u001b]8;;\u0007")).toBe("link")
  })

  it("shows a code that is not one", () => {
    expect(logLine("\u001b")).toBe("␛")
  })
})
