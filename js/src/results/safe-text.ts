/** Untrusted text, made so that everything in it can be seen and nothing in it does anything. */

const BIDI_NAMES: Readonly<Record<string, string>> = {
  "\u202a": "LRE",
  "\u202b": "RLE",
  "\u202c": "PDF",
  "\u202d": "LRO",
  "\u202e": "RLO",
  "\u2066": "LRI",
  "\u2067": "RLI",
  "\u2068": "FSI",
  "\u2069": "PDI",
}

// Line feed and tab are what they look like. Everything else below the blank, DEL and the
// C1 block have no shape of their own; bidi controls turn round the text beside them.
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose.
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu

// Colours, cursor moves, titles and links of terminals (ECMA-48 CSI, OSC and two-letter ones).
const TERMINAL_CODE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose.
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g

const MOST_MESSAGE = 4_000

/** Show what cannot be seen, leave the rest as it is. */
export function visible(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(UNSEEN, symbol)
}

/** The same on one line, for a cell. */
export function oneLine(text: string): string {
  return visible(text)
    .replace(/\s*\n\s*/g, " ↵ ")
    .replaceAll("\t", " ")
}

/** A message in a place for a few lines. */
export function brief(text: string): string {
  return text.length > MOST_MESSAGE
    ? `${visible(head(text, MOST_MESSAGE))} …`
    : visible(text)
}

/** A line of a log: the codes that colour it in a terminal are dropped. */
export function logLine(text: string): string {
  return visible(text.replace(TERMINAL_CODE, ""))
}

function symbol(found: string): string {
  const code = found.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return "\u2421"
  if (code < 0xa0) return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`
  const name = BIDI_NAMES[found]
  return name === undefined ? "\ufffd" : `⟨${name}⟩`
}

/** The first `most` characters, without half of a surrogate pair at the end. */
export function head(text: string, most: number): string {
  if (text.length <= most) return text
  const last = text.charCodeAt(most - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most)
}
